import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Stands in front of a service, and can die as a machine does: without a word to either side. What connects later gets through. */
export class DeadlyNetwork {
  readonly url: string
  readonly #server: Server
  #alive = new Set<Socket>()
  readonly #all = new Set<Socket>()

  private constructor(url: string, server: Server) {
    this.url = url
    this.#server = server
  }

  static async start(target: string): Promise<DeadlyNetwork> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('No port.')
    const network = new DeadlyNetwork(`redis://127.0.0.1:${address.port}`, server)
    server.on('connection', (near) => network.#join(near, connect(Number(new URL(target).port), '127.0.0.1')))
    return network
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#alive.add(from)
      this.#all.add(from)
      from.on('error', () => undefined)
      from.on('data', (data) => this.#alive.has(from) && to.write(data))
      from.on('close', () => this.#alive.has(from) && to.destroy())
    }
  }

  /** Nothing passes any more over what is connected now. */
  die(): void {
    this.#alive = new Set()
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#all) socket.destroy()
  }
}
