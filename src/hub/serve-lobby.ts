import { openPairChannel } from '../liveness/pair-channel.ts'
import { whenFree } from '../liveness/locks.ts'
import type { LobbyMessage } from '../protocol/lobby.ts'
import { pairChannel, tabLock } from '../protocol/names.ts'
import type { Hub } from './hub.ts'
import { TabLink } from './tab-link.ts'

/** Longest id of a client: it becomes part of a channel's name. */
const MAX_CLIENT_ID = 100
const NEVER = new AbortController().signal

/** What is used of a BroadcastChannel. */
export interface Lobby {
  postMessage(message: LobbyMessage): void
  onmessage: ((event: MessageEvent<unknown>) => void) | null
}

/**
 * Lets tabs of the leader tier find their hub (PROTOCOL.md, 2.5): each that asks gets a channel of its own, for as long as it holds its lock.
 * Listens from the first moment; who asks while the hub starts is served once it has.
 */
export function serveLobby(starting: Promise<Hub>, lobby: Lobby): void {
  const served = new Set<string>()
  lobby.onmessage = ({ data }) => {
    const { connect: clientId } = (data ?? {}) as { connect?: unknown }
    if (typeof clientId === 'string' && clientId.length <= MAX_CLIENT_ID)
      void starting.then((hub) => serve(hub, clientId))
  }
  const serve = (hub: Hub, clientId: string): void => {
    // Tabs ask again when they hear of a hub: two links on one channel would answer everything twice.
    if (!served.has(clientId)) {
      served.add(clientId)
      const way = openPairChannel(pairChannel(clientId, hub.bootId))
      new TabLink(hub, way)
      const gone = (): void => {
        served.delete(clientId)
        way.close()
      }
      // Also of a tab that goes before its hello.
      whenFree(hub.locks, tabLock(clientId), NEVER).then(gone, gone)
    }
    lobby.postMessage({ connected: clientId, bootId: hub.bootId })
  }
  void starting.then((hub) => lobby.postMessage({ up: hub.bootId }))
}
