import { nanoid } from 'nanoid'
import { SOCKET_CLOSE, SOCKET_PATH, SOCKET_PROTOCOL } from '../../protocol/socket.ts'
import { refuse } from '../answers.ts'
import type { Writers } from '../producers/writers.ts'
import type { ServerContext } from '../server-context.ts'
import { ChannelRuns } from './channel-runs.ts'
import { Connection } from './connection.ts'
import { Handshake } from './handshake.ts'
import type { OpenSocket, SocketReceiver } from './open-socket.ts'
import { Presence } from './presence.ts'
import { SharedStreams } from './shared-streams.ts'
import { socketLimits } from './socket-options.ts'
import type { SocketOptions } from './socket-options.ts'
import type { SocketServices } from './socket-services.ts'

/** How often it is looked whether a socket that was full has room, in milliseconds, where nobody calls {@link SocketReceiver.drained}. */
const RETRY_MS = 25

/** All sockets of a server (PROTOCOL.md 4.5). */
export class SocketServer {
  readonly #services: SocketServices
  readonly #connections = new Set<Connection>()
  readonly #stalled = new Set<Connection>()
  #heartbeat: ReturnType<typeof setInterval> | null = null
  #retries: ReturnType<typeof setInterval> | null = null

  constructor(context: ServerContext, writers: Writers, options: SocketOptions, onError: (error: unknown) => void) {
    const limits = socketLimits(options)
    this.#services = {
      context,
      writers,
      limits,
      streams: new SharedStreams(context.store, limits.pageCacheBytes, onError),
      channels: new ChannelRuns(context.store),
      presence: new Presence(context.now),
      onError,
    }
  }

  /** Open sockets. */
  get size(): number {
    return this.#connections.size
  }

  /** Bytes of the pages that are kept for sockets. */
  get pageBytes(): number {
    return this.#services.streams.keptBytes
  }

  /** Bytes of one frame of a client. */
  get maxFrameBytes(): number {
    return this.#services.limits.maxFrameBytes
  }

  /** Says no to an upgrade; `null` lets it pass. */
  check(request: Request): Response | null {
    if (new URL(request.url).pathname !== SOCKET_PATH) {
      return refuse(404, 'not-found', `There is a WebSocket at ${SOCKET_PATH} only.`)
    }
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
      const headers = { upgrade: 'websocket', connection: 'upgrade' }
      return refuse(426, 'upgrade-required', 'This address is a WebSocket: ask for an upgrade.', headers)
    }
    const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(SOCKET_PROTOCOL)) {
      return refuse(400, 'bad-protocol', `The WebSocket here speaks the subprotocol ${SOCKET_PROTOCOL}.`)
    }
    if (this.#services.context.shutdown.isOver) return refuse(503, 'closing', 'The server is closing. Try again soon.')
    if (this.size >= this.#services.limits.maxSockets) {
      const headers = { 'retry-after': '10' }
      return refuse(503, 'too-many-sockets', 'The server has as many sockets as it takes. Try again later.', headers)
    }
    return null
  }

  accept(request: Request, socket: OpenSocket): SocketReceiver {
    const connection = new Connection({
      services: this.#services,
      socket,
      handshake: new Handshake(request),
      watcher: nanoid(),
      onStalled: (stalled) => this.#hold(stalled),
      onClosed: (closed) => this.#forget(closed),
    })
    this.#connections.add(connection)
    this.#heartbeat ??= setInterval(() => this.#beat(), this.#services.context.heartbeatMs)
    return connection
  }

  /** Resolves once what is being read has been given out. */
  settled(): Promise<void> {
    return this.#services.streams.settled()
  }

  /** Sends away everybody. */
  close(): void {
    for (const connection of [...this.#connections]) connection.close(SOCKET_CLOSE.closing, 'closing')
  }

  #beat(): void {
    for (const connection of [...this.#connections]) connection.beat()
  }

  #hold(connection: Connection): void {
    this.#stalled.add(connection)
    this.#retries ??= setInterval(() => this.#retry(), RETRY_MS)
  }

  #retry(): void {
    for (const connection of [...this.#stalled]) if (connection.retry()) this.#stalled.delete(connection)
    this.#stopTimers()
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    this.#stalled.delete(connection)
    this.#stopTimers()
  }

  /** None runs for nobody. */
  #stopTimers(): void {
    if (this.#stalled.size === 0 && this.#retries !== null) {
      clearInterval(this.#retries)
      this.#retries = null
    }
    if (this.#connections.size === 0 && this.#heartbeat !== null) {
      clearInterval(this.#heartbeat)
      this.#heartbeat = null
    }
  }
}
