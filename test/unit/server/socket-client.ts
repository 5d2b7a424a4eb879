import { once } from 'node:events'
import WebSocket from 'ws'
import { decodeDataFrame } from '../../../src/protocol/socket-frame.ts'
import { SOCKET_PATH, SOCKET_PROTOCOL } from '../../../src/protocol/socket.ts'
import type {
  ClientFrame,
  ClientNote,
  DataHeader,
  OkFrame,
  OpenedStream,
  ServerFrame,
  SocketError,
  WelcomeFrame,
} from '../../../src/protocol/socket.ts'

type WithoutId<F> = F extends unknown ? Omit<F, 'id'> : never
export type Request = WithoutId<ClientFrame>
export type Answer = OkFrame | { type: 'error'; id: number | null; error: SocketError }
type Said = Extract<ServerFrame, { sub: number }>
/** What came for a subscription. */
export type Received = { type: 'data'; header: DataHeader; payload: Uint8Array } | Said

/** A client of `/v1/ws` that keeps what it hears, and answers pings unless it is told not to. */
export class SocketClient {
  readonly socket: WebSocket
  /** Everything that has no id and no subscription, and refusals without an id. */
  readonly notes: ServerFrame[] = []
  readonly received = new Map<number, Received[]>()
  readonly closed: Promise<{ code: number; reason: string }>
  answersPings = true
  readonly #answers = new Map<number, (answer: Answer) => void>()
  readonly #listeners = new Set<() => void>()
  #id = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) =>
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    )
    socket.on('error', () => {})
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#onData(data)
      else this.#onFrame(JSON.parse(data.toString()) as ServerFrame)
      for (const listener of [...this.#listeners]) listener()
    })
  }

  /** Resolves with the socket once it was welcomed. */
  static async open(origin: string, headers: Record<string, string> = {}): Promise<SocketClient> {
    const url = origin.replace(/^http/, 'ws') + SOCKET_PATH
    const client = new SocketClient(new WebSocket(url, SOCKET_PROTOCOL, { headers, perMessageDeflate: false }))
    await once(client.socket, 'open')
    await client.until(() => client.notes.some(({ type }) => type === 'welcome'))
    return client
  }

  get welcome(): WelcomeFrame {
    const welcome = this.notes.find((note) => note.type === 'welcome')
    if (welcome === undefined) throw new Error('not welcomed')
    return welcome
  }

  /** Resolves with the answer, whether it is yes or no. */
  ask(request: Request): Promise<Answer> {
    const id = ++this.#id
    const answered = new Promise<Answer>((resolve) => this.#answers.set(id, resolve))
    this.socket.send(JSON.stringify({ ...request, id }))
    return answered
  }

  /** Resolves with the answer. @throws {Error} where it is no */
  async do(request: Request): Promise<OkFrame> {
    const answer = await this.ask(request)
    if (answer.type === 'ok') return answer
    throw new Error(`${answer.error.code}: ${answer.error.message}`)
  }

  /** Why not. @throws {Error} where it is yes */
  async refusal(request: Request): Promise<SocketError> {
    const answer = await this.ask(request)
    if (answer.type === 'error') return answer.error
    throw new Error(`not refused: ${JSON.stringify(answer)}`)
  }

  note(note: ClientNote): void {
    this.socket.send(JSON.stringify(note))
  }

  /** Resolves once something is so, which is looked at with every frame that comes. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isSo()) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
      look()
    })
  }

  of(sub: number): Received[] {
    return this.received.get(sub) ?? []
  }

  /** All bytes of a subscription so far. */
  bytes(sub: number): Buffer {
    return Buffer.concat(this.of(sub).map((each) => (each.type === 'data' ? each.payload : new Uint8Array())))
  }

  text(sub: number): string {
    return this.bytes(sub).toString()
  }

  /** All messages of a subscription to a stream in JSON mode so far. */
  messages(sub: number): unknown[] {
    return this.of(sub).flatMap((each) =>
      each.type === 'data' ? (JSON.parse(Buffer.from(each.payload).toString()) as unknown[]) : [],
    )
  }

  /** The streams that a subscription was moved to, after the first. */
  opened(sub: number): OpenedStream[] {
    return this.of(sub).flatMap((each) => (each.type === 'opened' ? [each] : []))
  }

  lastHeader(sub: number): DataHeader | null {
    const last = this.of(sub).findLast((each) => each.type === 'data')
    return last?.type === 'data' ? last.header : null
  }

  hasEnded(sub: number): boolean {
    return this.lastHeader(sub)?.ending !== undefined
  }

  async close(): Promise<void> {
    this.socket.close()
    await this.closed
  }

  #onData(data: Buffer): void {
    const decoded = decodeDataFrame(data)
    if (decoded === null) throw new Error('not a frame')
    this.#keep(decoded.header.sub, { type: 'data', ...decoded })
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.type === 'ping' && this.answersPings) this.note({ type: 'pong' })
    if ('sub' in frame) this.#keep(frame.sub, frame)
    else if ((frame.type === 'ok' || frame.type === 'error') && frame.id !== null) {
      this.#answers.get(frame.id)?.(frame)
      this.#answers.delete(frame.id)
    } else this.notes.push(frame)
  }

  #keep(sub: number, received: Received): void {
    const all = this.received.get(sub)
    if (all === undefined) this.received.set(sub, [received])
    else all.push(received)
  }
}
