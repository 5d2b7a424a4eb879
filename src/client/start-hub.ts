import type { ConnectOptions, PageTier } from './api.ts'
import { backPorts, notLoaded, type HubStart } from './hub-start.ts'
import { loadPart } from './load-part.ts'

/**
 * The tier of this page: from what the browser can do and is known to do wrong, never from a time-out. WebKit restarts a SharedWorker silently
 * after its process died, and only one of the old ports still works (https://bugs.webkit.org/show_bug.cgi?id=318873, seen in 2.50).
 */
export function chooseTier(): PageTier {
  if (!('locks' in navigator) || typeof Worker === 'undefined') return 'page'
  return typeof SharedWorker === 'undefined' || /^Apple/.test(navigator.vendor) ? 'leader-tab' : 'shared-worker'
}

/** Opens a way to the hub for this client. `generation` names another worker where one has stopped to answer. */
export async function startHub(
  clientId: string,
  generation: number,
  { worker: makeWorker, tier = makeWorker ? 'shared-worker' : chooseTier() }: ConnectOptions,
): Promise<HubStart> {
  if (tier !== 'shared-worker') {
    return (await loadPart(import('./other-tiers.ts'))).startOther(tier, clientId)
  }
  const worker =
    makeWorker?.(generation) ??
    // The address must stand here literally: bundlers find the worker by it. Its options never vary for one address and name (Chromium refuses).
    new SharedWorker(new URL('../../sw/hub-worker.ts', import.meta.url), {
      type: 'module',
      name: `headwater:${generation}`,
      // Survives a reload of the only tab: Chrome 148 and later; ignored elsewhere.
      extendedLifetime: true,
    } as WorkerOptions)
  const failed = new Promise<never>((_, reject) => {
    worker.onerror = () => reject(notLoaded())
  })
  failed.catch(() => undefined)
  return { port: worker.port, ...backPorts(), failed }
}
