import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Answer, PlainAnswer } from './plain-answer.ts'
import { WholeRequest } from './plain-request.ts'
import type { PlainRequest } from './plain-request.ts'
import { STREAM_PREFIX } from './stream-path.ts'

/** Appends up to this size are taken in before anybody looks at them. */
const SMALL_BYTES = 64 * 1024
/** A `Host` of which nothing can be taken for a path. */
const PLAIN_HOST = /^[\w.:[\]-]+$/

/** Node's listener for requests: standard ones in, answers out. */
export function listenWith(
  answer: (request: PlainRequest, incoming: IncomingMessage) => Promise<Answer>,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const listener = getRequestListener(
    async (request, bindings) => {
      const { incoming, outgoing } = bindings as HttpBindings
      const answered = await answer(request, incoming)
      if (answered instanceof Response) return answered
      writeAnswer(answered, outgoing)
      return RESPONSE_ALREADY_SENT
    },
    { overrideGlobalObjects: false },
  )
  return (incoming, outgoing) => {
    const address = addressOfSmallAppend(incoming)
    if (address === null) return void listener(incoming, outgoing)
    const parts: Buffer[] = []
    incoming.on('data', (part: Buffer) => parts.push(part))
    // A client that goes before gets no answer, and nothing of its append is kept.
    incoming.on('end', () => {
      const [first = Buffer.alloc(0), ...others] = parts
      const body = others.length === 0 ? first : Buffer.concat(parts)
      answer(new WholeRequest('POST', address, incoming.headers, body), incoming)
        .then((answered) => {
          if (!(answered instanceof Response)) return writeSoon(answered, outgoing)
          return writeSmall(answered, outgoing)
        })
        .catch(() => outgoing.destroy())
    })
  }
}

/**
 * The address of an append that is so small that it need not be read as a stream, nor asked for as a `Request`: together these cost more than the
 * append. `null` for everything else, and for whatever is unusual.
 */
function addressOfSmallAppend({ method, url, headers }: IncomingMessage): URL | null {
  if (method !== 'POST' || url?.startsWith(STREAM_PREFIX) !== true) return null
  const { host, expect, 'content-length': length, 'transfer-encoding': coding } = headers
  if (expect !== undefined || coding !== undefined || !(Number(length) <= SMALL_BYTES)) return null
  if (host === undefined || !PLAIN_HOST.test(host)) return null
  try {
    return new URL(`http://${host}${url}`)
  } catch {
    return null
  }
}

/** Writes a `Response` whose body is there: a refusal. */
async function writeSmall(response: Response, outgoing: ServerResponse): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer())
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), 'content-length': body.byteLength })
  outgoing.end(body)
}

const ready: { answer: PlainAnswer; outgoing: ServerResponse }[] = []

/**
 * Writes an answer once all requests that have arrived were looked at, together with theirs. To wake who waits for an answer costs more than an
 * append: on 32 connections, one after the other takes half as long again.
 */
function writeSoon(answer: PlainAnswer, outgoing: ServerResponse): void {
  if (ready.push({ answer, outgoing }) > 1) return
  setImmediate(() => {
    for (const { answer, outgoing } of ready.splice(0)) {
      try {
        writeAnswer(answer, outgoing)
      } catch {
        outgoing.destroy()
      }
    }
  })
}

/** Writes an answer to Node's response, without a `Response` and a web stream in between. */
function writeAnswer({ status, headers, body }: PlainAnswer, outgoing: ServerResponse): void {
  if (typeof body !== 'function') {
    const isBodyless = status === 204 || status === 304 || outgoing.req.method === 'HEAD'
    outgoing.writeHead(status, isBodyless ? headers : { 'content-length': body?.byteLength ?? 0, ...headers })
    if (body === null) outgoing.end()
    else outgoing.end(body)
    return
  }
  outgoing.writeHead(status, headers)
  // The head goes out even if there is nothing to say yet: the client learns that it is connected.
  outgoing.flushHeaders()
  const live = body({
    write: (bytes) => outgoing.write(bytes),
    end: () => void outgoing.end(),
    cut: () => void outgoing.destroy(),
  })
  outgoing.on('drain', () => live.onRoom())
  // Also after the end. A client that went before this line is told of at once.
  outgoing.once('close', () => live.onGone())
  outgoing.on('error', () => live.onGone())
  if (outgoing.destroyed) live.onGone()
}
