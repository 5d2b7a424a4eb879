import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { encodeDataFrame } from '../../src/protocol/socket-frame.ts'

/** A frame of a client, as it came. */
export interface SeenFrame {
  type: string
  id: number
  sub: number
  [field: string]: unknown
}

/** What a script can say on one socket. */
export interface ScriptedSide {
  wire: WebSocket
  say(frame: object): void
  /** A page of JSON messages of a subscription. */
  data(sub: number, next: string, messages: string, rest?: object): void
}

/** A server of one durable stream of JSON, whose HTTP is by the book and whose socket does what the test says. */
export interface ScriptedSocketServer {
  url: string
  /** The headers of each handshake. */
  handshakes: (string | undefined)[]
  frames: SeenFrame[]
  close(): Promise<void>
}

const WELCOME = { type: 'welcome', heartbeat: 15, watcher: 'w', limits: {} }

/** Starts it. `script` hears each frame of a client; `welcome: false` says nothing by itself. */
export async function startScriptedSocket(
  script: (side: ScriptedSide, frame: SeenFrame) => void,
  { welcome = true } = {},
): Promise<ScriptedSocketServer> {
  const frames: SeenFrame[] = []
  const handshakes: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const isLive = request.url?.includes('live=') === true
    response.writeHead(200, {
      'content-type': isLive ? 'text/event-stream' : 'application/json',
      'stream-next-offset': '1',
      'stream-up-to-date': 'true',
      'stream-socket': '/v1/ws',
    })
    if (isLive) response.flushHeaders()
    else response.end(request.url?.includes('offset=1') === true ? '[]' : '["a"]')
  })
  const sockets = new WebSocketServer({ server, path: '/v1/ws' })
  sockets.on('connection', (wire, request) => {
    handshakes.push(request.url)
    const say = (frame: object): void => wire.send(JSON.stringify(frame))
    const data: ScriptedSide['data'] = (sub, next, messages, rest = {}) =>
      wire.send(encodeDataFrame({ sub, next, ...rest }, Buffer.from(messages)))
    if (welcome) say(WELCOME)
    wire.on('message', (text: Buffer) => {
      const frame = JSON.parse(text.toString()) as SeenFrame
      frames.push(frame)
      script({ wire, say, data }, frame)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handshakes,
    frames,
    async close() {
      for (const wire of sockets.clients) wire.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
