import { encodeEnding, HEADER } from '../../protocol/http.ts'
import { isLastPage } from '../follow.ts'
import type { Page } from '../follow.ts'
import { sseHeaders } from '../sse-response.ts'
import { sseEvent } from '../sse-response.ts'
import type { PageEncoder } from '../live/page-encoder.ts'
import { encodeOffset } from '../offsets.ts'
import type { PlainAnswer } from '../plain-answer.ts'
import type { ServerContext } from '../server-context.ts'
import type { Place, StreamName } from '../stream-store.ts'
import { isJson, mediaType } from '../stream-store.ts'
import { joinBytes, joinJson } from './page-body.ts'
import { isPlainEnd } from './response-headers.ts'

type Encoding = 'json' | 'text' | 'base64'

/** GET with `live=sse`: an event `data` and an event `control` per page. */
export function readBySse(
  context: ServerContext,
  name: StreamName,
  from: Place,
  cursor: string | null,
  contentType: string,
): PlainAnswer {
  const encoding = encodingOf(contentType)
  return {
    status: 200,
    headers: {
      ...sseHeaders(context.heartbeatMs),
      ...(encoding === 'base64' && { [HEADER.sseDataEncoding]: 'base64' }),
    },
    body: (sink) => {
      const leave = context.readers.enter(name)
      const reader = context.live.open(
        {
          write: (bytes) => sink.write(bytes),
          end() {
            leave()
            sink.end()
          },
          cut() {
            leave()
            sink.cut()
          },
        },
        name,
        ENCODERS[encoding],
        from,
        cursor,
      )
      return {
        onRoom: () => reader.onRoom(),
        onGone() {
          leave()
          reader.onGone()
        },
      }
    },
  }
}

function encodingOf(contentType: string): Encoding {
  if (isJson(contentType)) return 'json'
  return mediaType(contentType).startsWith('text/') ? 'text' : 'base64'
}

const encoder = new TextEncoder()

const encoderOf = (encoding: Encoding): PageEncoder => ({
  key: encoding,
  isText: encoding === 'text',
  encode(page, cursor) {
    // The data say where they end, and not only the control event behind them: a connection may be cut between the two, and whoever goes on
    // by `Last-Event-ID` would get them twice.
    const id = encodeOffset(page.next)
    const data = page.records.length === 0 ? '' : sseEvent({ event: 'data', data: dataOf(page, encoding), id })
    return encoder.encode(data + control(page, cursor))
  },
})

const ENCODERS: Readonly<Record<Encoding, PageEncoder>> = {
  json: encoderOf('json'),
  text: encoderOf('text'),
  base64: encoderOf('base64'),
}

function dataOf(page: Page, encoding: Encoding): string {
  const bytes = encoding === 'json' ? joinJson(page.records) : joinBytes(page.records)
  if (encoding === 'base64') return toBase64(bytes)
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

// In pieces, because the arguments of a call are limited; a multiple of 3, so that the pieces join without padding.
const PIECE = 3 * 8192

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.byteLength; at += PIECE)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)))
  return text
}

function control(page: Page, cursor: string): string {
  const offset = encodeOffset(page.next)
  const ending = isLastPage(page) ? page.info.ending : null
  const data = {
    streamNextOffset: offset,
    ...(ending === null && { streamCursor: cursor }),
    ...(page.next.record === page.info.tail.record && { upToDate: true }),
    ...(ending !== null && { streamClosed: true }),
    ...(ending !== null && !isPlainEnd(ending) && { streamEnding: JSON.parse(encodeEnding(ending)) as unknown }),
  }
  return sseEvent({ event: 'control', data: JSON.stringify(data), id: offset })
}
