import type { Hono } from 'hono'
import { HEADER } from '../../protocol/http.ts'
import { SOCKET_PATH } from '../../protocol/socket.ts'
import type { Answer } from '../plain-answer.ts'
import type { SocketServer } from './socket-server.ts'

const OFFERED_ON = ['/v1/channels', '/v1/channels/*', '/v1/chat', '/v1/chat/*']

/** Tells a client of a stream the same, on an answer that did not come through the router. */
export function withOffer(answer: Answer): Answer {
  if (!(answer instanceof Response)) return { ...answer, headers: { ...answer.headers, [HEADER.socket]: SOCKET_PATH } }
  answer.headers.set(HEADER.socket, SOCKET_PATH)
  return answer
}

/** Tells clients of channels and chats that there is a socket, and those who ask for it without an upgrade how to ask. */
export function offerSocket(app: Hono, sockets: SocketServer): void {
  for (const path of OFFERED_ON) {
    app.use(path, async (c, next) => {
      await next()
      c.res.headers.set(HEADER.socket, SOCKET_PATH)
    })
  }
  app.get(SOCKET_PATH, (c) => sockets.check(c.req.raw) ?? c.body(null, 426))
}
