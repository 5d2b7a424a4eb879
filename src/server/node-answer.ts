import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Answer, PlainAnswer } from './plain-answer.ts'

/** Node's listener for requests: standard ones in, answers out. */
export function listenWith(
  answer: (request: Request, incoming: IncomingMessage) => Promise<Answer>,
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
  return (incoming, outgoing) => void listener(incoming, outgoing)
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
