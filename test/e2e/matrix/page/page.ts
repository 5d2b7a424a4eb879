import { connectHub } from 'headwater'
import type { Source } from 'headwater'
import { Watcher } from './watcher.ts'
import type { Report, Truth } from './watcher.ts'

const CHANNEL = 'matrix'

/** How many hubs have ended themselves so far, for all tabs. */
const DEATHS = 'deaths'

/**
 * A worker that dies with its last tab, as it does where browsers know no extended lifetime. Firefox 153 connects pages to a worker that has
 * ended itself for a while yet, which one that was killed does not do: so each death gives the next one another name.
 */
const plainWorker = (generation: number): SharedWorker =>
  new SharedWorker(new URL('../../../../sw/hub-worker.ts', import.meta.url), {
    type: 'module',
    name: `plain:${generation}:${localStorage.getItem(DEATHS) ?? ''}`,
  })

const settings = new URLSearchParams(location.search)
const hub = connectHub(
  settings.has('led') ? { tier: 'leader-tab' } : settings.has('plain') ? { worker: plainWorker } : {},
)
let watcher: Watcher | undefined

const matrix = {
  watch(truth: Truth): void {
    watcher = new Watcher(hub.channel(CHANNEL), truth)
  },
  send: (source: Source): Promise<string> => hub.channel(CHANNEL).send(source),
  report(): Report {
    if (watcher === undefined) throw new Error('watch() first')
    return watcher.report
  },
  bootId: async (): Promise<string> => (hub.info ?? (await hub.ready)).bootId,
  /** The hub is about to be told to end itself. */
  countDeath: (): void => localStorage.setItem(DEATHS, `${localStorage.getItem(DEATHS) ?? ''}+`),
  /** Resolves once the service worker answers for pages that are opened from now on. */
  async registerServiceWorker(): Promise<void> {
    await navigator.serviceWorker.register('/service-worker.js')
    await navigator.serviceWorker.ready
  },
}

declare global {
  var matrix: MatrixPage
}
export type MatrixPage = typeof matrix
globalThis.matrix = matrix
