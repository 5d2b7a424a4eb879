import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { clientAddress } from './client-address.ts'

/** Connections beyond the limit that still get an answer; those beyond that are cut without a word. */
const REFUSED_AT_ONCE = 100

export type Crowd = 'all' | 'client'

/** The open connections of a server, counted, so that one client or many cannot take them all. */
export class Connections {
  readonly #max: number
  readonly #maxPerClient: number
  readonly #clients = new Map<string, number>()
  readonly #refused = new WeakMap<Socket, Crowd>()
  #count = 0

  /** @param maxPerClient 0: any number */
  constructor(max: number, maxPerClient: number) {
    this.#max = max
    this.#maxPerClient = maxPerClient
  }

  /** Counts what connects from now on. */
  watch(server: Server): void {
    server.maxConnections = this.#max + REFUSED_AT_ONCE
    server.on('connection', (socket) => this.#enter(socket))
  }

  /** Open connections. */
  get count(): number {
    return this.#count
  }

  /** Whose limit this connection went beyond when it came; `null` where it may stay. */
  crowdOf(socket: Socket): Crowd | null {
    return this.#refused.get(socket) ?? null
  }

  #enter(socket: Socket): void {
    const client = clientAddress(socket.remoteAddress, null, 0)
    const ofClient = (this.#clients.get(client) ?? 0) + 1
    this.#clients.set(client, ofClient)
    this.#count += 1
    if (this.#count > this.#max) this.#refused.set(socket, 'all')
    else if (this.#maxPerClient > 0 && ofClient > this.#maxPerClient) this.#refused.set(socket, 'client')
    socket.once('close', () => {
      this.#count -= 1
      const left = (this.#clients.get(client) ?? 1) - 1
      if (left === 0) this.#clients.delete(client)
      else this.#clients.set(client, left)
    })
  }
}
