import { openPairChannel, type Way } from '../liveness/pair-channel.ts'
import type { HeadwaterError } from '../protocol/errors.ts'
import type { LobbyMessage } from '../protocol/lobby.ts'
import { backChannel, LOBBY_CHANNEL, pairChannel } from '../protocol/names.ts'
import type { HubStart } from './hub-start.ts'
import type { Leadership } from './leadership.ts'

/**
 * A way to the hub of the tab that leads, which may be this one: asks on the lobby until a hub answers. What is posted before that is kept,
 * so that the deadline of a hello holds for the search too.
 */
export function reachLeader(clientId: string, leadership: Leadership): HubStart {
  // Who led while this tab waited: no other is blamed for it.
  const leader = leadership.leader()
  leadership.join()
  const lobby = new BroadcastChannel(LOBBY_CHANNEL)
  const ask = (): void => lobby.postMessage({ connect: clientId } satisfies LobbyMessage)
  const heard = new EventTarget()
  const early: unknown[] = []
  let pair: Way | null = null
  lobby.onmessage = ({ data }: MessageEvent<LobbyMessage | null>) => {
    if (pair || data === null) return
    if ('up' in data) ask()
    if (!('connected' in data) || data.connected !== clientId) return
    lobby.close()
    pair = openPairChannel(pairChannel(clientId, data.bootId))
    pair.addEventListener('message', (event) => {
      heard.dispatchEvent(new MessageEvent('message', { data: (event as MessageEvent<unknown>).data }))
    })
    for (const message of early) pair.postMessage(message)
  }
  const failed = new Promise<never>((_, reject: (error: HeadwaterError) => void) => (leadership.onfailed = reject))
  failed.catch(() => undefined)
  const port: Way = {
    postMessage: (message) => void (pair ? pair.postMessage(message) : early.push(message)),
    addEventListener: heard.addEventListener.bind(heard),
    removeEventListener: heard.removeEventListener.bind(heard),
    close: () => {
      lobby.close()
      pair?.close()
    },
  }
  ask()
  const address = backChannel(clientId)
  return {
    port,
    back: openPairChannel(address),
    address,
    failed,
    abandon: async () => leadership.rob(await leader),
    leave: () => leadership.leave(),
  }
}
