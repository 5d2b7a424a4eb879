import { GENERATION_KEY } from '../protocol/names.ts'
import type { ConnectOptions, PageTier } from './api.ts'
import { backPorts, type HubStart } from './hub-start.ts'
import { loadPart, notLoaded } from './load-part.ts'

/**
 * The tier of this page: from what the browser can do and is known to do wrong, never from a time-out. WebKit restarts a SharedWorker silently
 * after its process died, and only one of the old ports still works (https://bugs.webkit.org/show_bug.cgi?id=318873, seen in 2.50).
 */
export function chooseTier(): PageTier {
  if (!('locks' in navigator) || typeof Worker === 'undefined') return 'page'
  return typeof SharedWorker === 'undefined' || /^Apple/.test(navigator.vendor) ? 'leader-tab' : 'shared-worker'
}

/**
 * Which worker the pages of this origin go to: one more for each that did not answer a visible page. Kept where all pages find it at once, for
 * they have to meet; where a page has no such place, it counts for itself, and locks and epochs settle who owns what.
 */
let generation = 0

function latestGeneration(atLeast = 0): number {
  generation = Math.max(generation, atLeast)
  try {
    generation = Math.max(generation, Number(localStorage.getItem(GENERATION_KEY)) | 0)
    if (atLeast > 0) localStorage.setItem(GENERATION_KEY, `${generation}`)
  } catch {
    // No storage here.
  }
  return generation
}

/** Opens a way to the hub for this client. */
export async function startHub(
  clientId: string,
  { worker: makeWorker, tier = makeWorker ? 'shared-worker' : chooseTier() }: ConnectOptions,
): Promise<HubStart> {
  if (tier !== 'shared-worker') {
    return (await loadPart(() => import('./other-tiers.ts'))).startOther(tier, clientId)
  }
  const mine = latestGeneration()
  const worker =
    makeWorker?.(mine) ??
    // The address must stand here literally: bundlers find the worker by it. Its options never vary for one address and name (Chromium refuses).
    new SharedWorker(new URL('../../sw/hub-worker.ts', import.meta.url), {
      type: 'module',
      name: `headwater:${mine}`,
      // Survives a reload of the only tab: Chrome 148 and later; ignored elsewhere.
      extendedLifetime: true,
    } as WorkerOptions)
  const failed = new Promise<never>((_, reject) => {
    worker.onerror = () => reject(notLoaded())
  })
  failed.catch(() => undefined)
  return { port: worker.port, ...backPorts(), failed, abandon: () => void latestGeneration(mine + 1) }
}
