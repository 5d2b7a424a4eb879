import type { PageTier } from './api.ts'
import { backPorts, type HubStart } from './hub-start.ts'
import { Leadership } from './leadership.ts'
import { reachLeader } from './reach-leader.ts'

/** One per page, however often it connects: the place in the line outlives hubs. */
let leadership: Leadership | null = null

// Literally: bundlers find the worker by its address.
const makeWorker = (): Worker =>
  new Worker(new URL('../../sw/leader-worker.ts', import.meta.url), { type: 'module', name: 'headwater' })

/** The tiers of pages that share no worker. Loaded by dynamic import, so that nobody else pays for them. */
export async function startOther(tier: Exclude<PageTier, 'shared-worker'>, clientId: string): Promise<HubStart> {
  if (tier === 'page') {
    const { connectPageHub } = await import('../../sw/page-hub.ts')
    const { port1, port2 } = new MessageChannel()
    await connectPageHub(port2)
    return { port: port1, ...backPorts(), failed: new Promise<never>(() => undefined) }
  }
  leadership ??= followPage(new Leadership(navigator.locks, makeWorker))
  return reachLeader(clientId, leadership)
}

/** What only a page hears: that it goes to the back-forward cache, or is frozen. */
function followPage(page: Leadership): Leadership {
  // Whoever connects gets in line, so both come back to it by themselves.
  // A cached page runs nothing: its worker would hold locks that nobody uses.
  addEventListener('pagehide', () => page.leave())
  // A frozen page would be granted the lock and do nothing with it. One that leads stays, for as long as its worker answers.
  document.addEventListener('freeze', () => !page.leads && page.leave())
  return page
}
