import type { Hub, HubOptions } from '../../../src/hub/hub.ts'
import { unpackChunks } from '../../../src/protocol/packed-chunks.ts'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import { SharedSockets } from '../../../src/upstream/socket/shared-sockets.ts'
import type { ConnectUpstream } from '../../../src/upstream/upstream.ts'
import { openSocket } from '../../support/socket-network.ts'
import { World } from './world.ts'

/** A browser profile whose hubs reach a real server, by real requests and sockets; only time is stepped. */
export class SocketWorld extends World {
  readonly #sockets = new Map<string, SharedSockets>()

  protected override connectOf(hub: string): ConnectUpstream {
    const sockets = this.#sockets.get(hub)
    const delay = (ms: number, signal: AbortSignal): Promise<void> => this.clock.delay(ms, signal)
    return createConnectUpstream({ now: () => this.clock.now(), delay, ...(sockets && { sockets }) })
  }

  protected override socketsOf(hub: string): HubOptions['sockets'] {
    const sockets = new SharedSockets({
      open: openSocket,
      now: () => this.clock.now(),
      delay: (ms, signal) => this.clock.delay(ms, signal),
      random: () => 0.5,
    })
    this.#sockets.set(hub, sockets)
    return sockets
  }

  /** The browser closes a dead worker's sockets. */
  override killHub(hub: Hub = this.hub): void {
    super.killHub(hub)
    this.#sockets.get(hub.bootId)?.close()
  }

  /** All that is committed of a stream: its data, and how many chunks and gaps there are. */
  async log(streamId: string): Promise<{ data: Buffer; chunks: (string | Uint8Array)[]; gaps: number }> {
    const chunks: (string | Uint8Array)[] = []
    let gaps = 0
    for (let seq = 1; ;) {
      const read = await this.store.readLog(streamId, seq)
      if (read === undefined || read.packs.length === 0) break
      chunks.push(...read.packs.flatMap(unpackChunks).map(({ data }) => data))
      gaps = read.row.gaps.length
      seq = read.toSeq
    }
    return { data: Buffer.concat(chunks.map((data) => Buffer.from(data))), chunks, gaps }
  }
}
