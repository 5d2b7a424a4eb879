/** Where a body that is written while it comes goes to: a socket, or the stream of a `Response`. */
export interface BodySink {
  /** `false` where there is no room for more: then nothing more may be written until {@link LiveBody.onRoom}. */
  write(bytes: Uint8Array): boolean
  /** The body is complete. */
  end(): void
  /** The connection is cut, so that nobody takes what was written for all of it. */
  cut(): void
}

/** What writes such a body. */
export interface LiveBody {
  /** There is room again. May be called at any time. */
  onRoom(): void
  /** Nobody reads any more. May be called twice, and after the end. */
  onGone(): void
}

/**
 * An answer that is not a `Response` yet. Making one costs more than all the rest of a small append, and a web stream more than writing to the
 * socket; so whoever owns the socket writes the answer as it is, and for everybody else {@link toResponse} makes the standard object.
 */
export interface PlainAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A function begins to write to what it is given. */
  readonly body: Uint8Array<ArrayBuffer> | ((sink: BodySink) => LiveBody) | null
}

export type Answer = Response | PlainAnswer

/** Bytes that wait in a `Response` before there is no more room: as much as a socket of Node takes. */
const ROOM_BYTES = 16 * 1024

/** The standard object. @param gone aborted when the client goes */
export function toResponse(answer: Answer, gone: AbortSignal): Response {
  if (answer instanceof Response) return answer
  const { status, headers, body } = answer
  return new Response(typeof body === 'function' ? bodyStream(body, gone) : body, { status, headers })
}

function bodyStream(open: (sink: BodySink) => LiveBody, gone: AbortSignal): ReadableStream<Uint8Array> {
  let body: LiveBody | null = null
  const leave = (): void => body?.onGone()
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        body = open({
          write(bytes) {
            controller.enqueue(bytes)
            return (controller.desiredSize ?? 0) > 0
          },
          end() {
            gone.removeEventListener('abort', leave)
            controller.close()
          },
          cut() {
            gone.removeEventListener('abort', leave)
            controller.error(new Error('The answer was cut. Read on from the last offset.'))
          },
        })
        if (gone.aborted) leave()
        else gone.addEventListener('abort', leave, { once: true })
      },
      pull: () => body?.onRoom(),
      cancel() {
        gone.removeEventListener('abort', leave)
        leave()
      },
    },
    { highWaterMark: ROOM_BYTES, size: (bytes) => bytes?.byteLength ?? 0 },
  )
}
