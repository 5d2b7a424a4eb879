import { crashTab, killHub, stopServiceWorkers } from '../harness/browser.ts'
import { until } from '../harness/poll.ts'
import type { Bed } from './bed.ts'
import type { Killer } from './cells.ts'

/** Kills the hub that is held, in the way that the browser allows. */
export async function killHeldHub(bed: Bed): Promise<void> {
  if (bed.engine === 'firefox') {
    await bed.first.evaluate(() => matrix.countDeath())
    bed.upstream.faults.release('die')
  } else await killHub(bed.context)
  await until('the hub to be gone', () => (bed.upstream.faults.holds ? null : true))
}

/** Crashes tabs, the oldest first, until the hub that is held is gone: it lives in the process of one of them. */
async function crashCreator(bed: Bed): Promise<void> {
  for (const tab of [...bed.tabs]) {
    await crashTab(tab.page)
    bed.drop(tab)
    const last = bed.tabs.length === 0
    const gone = await until(
      'the hub to be gone',
      () => (bed.upstream.faults.holds ? null : true),
      last ? 5_000 : 500,
    ).catch(() => false)
    if (gone) break
  }
  if (bed.upstream.faults.holds) throw new Error('All tabs have crashed, and the hub lives.')
  if (bed.tabs.length === 0) await bed.open(1)
}

async function reload(bed: Bed): Promise<void> {
  await Promise.all(
    bed.tabs.map(async ({ page }) => {
      await page.reload()
      await bed.watch(page)
    }),
  )
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
  'creator-crashed': crashCreator,
  reloaded: reload,
  'reloaded-plain': reload,
  'all-closed': closeAll,
  'all-closed-plain': closeAll,
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
