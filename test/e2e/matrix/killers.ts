import { crashTab, killHub, stopServiceWorkers } from '../harness/browser.ts'
import { until } from '../harness/poll.ts'
import type { Bed, MatrixTab } from './bed.ts'
import type { Killer } from './cells.ts'

/** Kills the hub that is held, in the way that the browser allows. */
export async function killHeldHub(bed: Bed): Promise<void> {
  if (bed.engine === 'firefox') {
    await bed.first.evaluate(() => matrix.countDeath())
    bed.upstream.faults.release('die')
  } else await killHub(bed.context)
  await until('the hub to be gone', () => (bed.upstream.faults.holds ? null : true))
}

/** Strikes tabs, the oldest first, until the hub that is held is gone: it lives and dies with one of them. */
async function strikeTabs(bed: Bed, strike: (tab: MatrixTab) => Promise<void>): Promise<void> {
  const { faults } = bed.upstream
  const tabs = [...bed.tabs]
  for (const tab of tabs) {
    await strike(tab)
    // Which tab it is, only the browser knows: a look, not a wait. After the last one it must be gone.
    const patience = tab === tabs.at(-1) ? 5_000 : 500
    const gone = until('the hub to be gone', () => (faults.holds ? null : true), patience)
    if (await gone.catch(() => false)) break
  }
  if (faults.holds) throw new Error('All tabs were struck, and the hub lives.')
  if (bed.tabs.length === 0) await bed.open(1)
}

const crash = (bed: Bed): Promise<void> =>
  strikeTabs(bed, async (tab) => {
    await crashTab(tab.page)
    bed.drop(tab)
  })

const close = (bed: Bed): Promise<void> =>
  strikeTabs(bed, async (tab) => {
    await tab.page.close()
    bed.drop(tab)
  })

async function reloadAll(bed: Bed): Promise<void> {
  await Promise.all(bed.tabs.map((tab) => bed.reload(tab)))
}

async function closeAll(bed: Bed): Promise<void> {
  await Promise.all(bed.tabs.map(({ page }) => page.close()))
  bed.tabs.length = 0
  await bed.open(1)
}

/** Everything that is open breaks, and `refused` requests after that meet nobody. The hub is let go while it is so. */
async function breakNetwork(bed: Bed, refused: number): Promise<void> {
  bed.stream.refuse(refused)
  bed.stream.cut()
  bed.upstream.faults.release()
  await Promise.resolve()
}

/** What each killer does. All tabs that are left, and those that were opened again, watch afterwards. */
export const STRIKE: Record<Killer, (bed: Bed) => Promise<void>> = {
  'hub-killed': killHeldHub,
  'creator-crashed': crash,
  reloaded: reloadAll,
  'reloaded-plain': reloadAll,
  'all-closed': closeAll,
  'all-closed-plain': closeAll,
  'leader-crashed': crash,
  'leader-closed': close,
  'leader-reloaded': (bed) => strikeTabs(bed, (tab) => bed.reload(tab)),
  'service-worker-stopped': (bed) => stopServiceWorkers(bed.first),
  'server-restarted': (bed) => breakNetwork(bed, 1),
  'socket-cut': async (bed) => {
    bed.stream.cut({ inside: true })
    await Promise.resolve()
  },
  'network-gone': async (bed) => {
    const before = bed.stream.requests.length
    await breakNetwork(bed, Infinity)
    const { upstream } = bed.cell
    // A stream that is asked for once makes no further request; nor does one whose end was already read.
    const over = async (): Promise<boolean> => {
      const reports = await Promise.all(bed.tabs.map((tab) => tab.report()))
      return reports.some(({ status }) => status === 'done' || status === 'disconnected')
    }
    await until('a request that gets nowhere', async () =>
      bed.stream.requests.length > before || (await over()) ? true : null,
    )
    bed.stream.refuse(0)
    if (upstream !== 'once') await bed.first.evaluate(() => globalThis.dispatchEvent(new Event('online')))
  },
}
