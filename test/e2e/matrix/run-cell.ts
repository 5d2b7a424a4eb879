import { expect } from '@playwright/test'
import type { Source } from '../../../src/protocol/source.ts'
import { killHub } from '../harness/browser.ts'
import { until } from '../harness/poll.ts'
import type { SeenConnection } from '../harness/scripted-stream.ts'
import type { Bed } from './bed.ts'
import { cutsSockets, isHandOver, isLed, killsHub } from './cells.ts'
import type { Cell } from './cells.ts'
import { killHeldHub, STRIKE } from './killers.ts'
import type { Report } from './page/watcher.ts'

/** How many of the views are there before the stream starts, come while the hub is held, and come after it was struck. */
const ARRIVALS: Record<Cell['views'], readonly [number, number, number]> = { 1: [1, 0, 0], 4: [2, 1, 1], 8: [4, 2, 2] }

/** Chunks that come before the hub is held, and those that it is held at. */
const BEFORE = 10
const AT_POINT = 5

/** How long two hubs may be connected at once after one was killed, in milliseconds. */
const MAX_OVERLAP_MS = 1_000

async function shows(bed: Bed, seq: number): Promise<void> {
  await until(`all tabs to show ${seq} chunks`, async () => {
    const reports = await Promise.all(bed.tabs.map((tab) => tab.report()))
    return reports.every((report) => report.seq >= seq && report.read >= seq) ? true : null
  })
  bed.shown = Math.max(bed.shown, seq)
}

/** Kills the first hub of the stream, so that another takes over and is held on its way. */
async function handOver(bed: Bed): Promise<void> {
  const { upstream, stream, engine, cell } = bed
  if (isLed(cell)) {
    upstream.faults.arm(cell.point)
    // The oldest tab leads; the next one does from now on, or the same again where it is alone.
    for (const tab of bed.tabs.slice(0, 1)) await bed.reload(tab)
  } else if (engine === 'chromium') {
    upstream.faults.arm(cell.point)
    await killHub(bed.context)
  } else {
    upstream.faults.arm('read')
    stream.release(AT_POINT)
    await upstream.faults.held()
    await killHeldHub(bed)
    upstream.faults.arm(cell.point)
  }
  await upstream.faults.held()
}

/** From nothing to a hub that is held at the cell's point. */
async function reachPoint(bed: Bed): Promise<void> {
  const { cell, stream, upstream } = bed
  const { faults } = upstream
  const source: Source =
    cell.upstream === 'get' ? { url: stream.path } : { url: stream.path, method: 'POST', body: { ask: 'something' } }
  const send = (): Promise<unknown> => bed.first.evaluate((what) => matrix.send(what), source)
  if (cell.point === 'before-fetch') {
    faults.arm('before-fetch')
    // Answered once the stream is there; the hub that is asked may die.
    const sent = send().catch(() => undefined)
    await faults.held()
    await sent
    return
  }
  await send()
  stream.release(BEFORE)
  await shows(bed, BEFORE)
  switch (cell.point) {
    case 'ending-seen':
      stream.release()
      await shows(bed, stream.truth.length)
      faults.arm(cell.point)
      stream.end()
      return faults.held()
    case 'lock-granted':
    case 'epoch-raised':
      return handOver(bed)
    case 'read':
    case 'appended':
    case 'committed':
    case 'delivering':
      faults.arm(cell.point)
      stream.release(AT_POINT)
      return faults.held()
  }
}

/** The longest time that two connections were open at once, in milliseconds. */
function overlapOf(connections: readonly SeenConnection[]): number {
  let longest = 0
  for (const [i, one] of connections.entries()) {
    for (const other of connections.slice(i + 1)) {
      const end = Math.min(one.closedAt ?? Date.now(), other.closedAt ?? Date.now())
      longest = Math.max(longest, end - Math.max(one.openedAt, other.openedAt))
    }
  }
  return longest
}

/** Whether a tab shows the end, or all that was shown before of what cannot be continued. */
const isSettled = ({ status, canResume, readerEnded, seq, read }: Report, shown: number): boolean =>
  (status === 'done' && readerEnded) || (status === 'disconnected' && !canResume && seq >= shown && read >= seq)

/** Every tab has the whole truth, or all that could be had of a stream that cannot be continued. */
async function expectTruth(bed: Bed, survived: boolean): Promise<void> {
  const { cell, stream } = bed
  const reports = await until(
    'all tabs to show the end',
    async () => {
      const found = await Promise.all(bed.tabs.map((tab) => tab.report()))
      return found.every((report) => isSettled(report, bed.shown)) ? found : null
    },
    30_000,
  ).catch(async (error: unknown) => {
    const found = await Promise.all(bed.tabs.map((tab) => tab.report()))
    const told = found.map(({ text: _, ...report }) => JSON.stringify(report)).join('\n')
    throw new Error(`${String(error)}\n${told}\n${JSON.stringify(stream.requests)}`)
  })
  expect(bed.violations, 'what a tab showed and should not have').toEqual([])
  expect(reports.flatMap(({ violations }) => violations)).toEqual([])
  const whole = stream.truth.join('')
  for (const { status, text, canRetry } of reports) {
    expect(text, 'all tabs show the same').toBe(reports[0]?.text)
    expect(status, 'all tabs show the same status').toBe(reports[0]?.status)
    if (status === 'done') expect(text).toBe(whole)
    else expect(canRetry, 'retry is on offer').toBe(true)
  }
  if (reports[0]?.status === 'disconnected') {
    // Only a request that must not be repeated, and whose answer did not say where to go on or was never seen.
    const unanswered = cell.upstream === 'post' && cell.point === 'before-fetch'
    expect(cell.upstream === 'once' || unanswered, 'what can be continued is continued').toBe(true)
    expect(!survived || cutsSockets(cell), 'it was not given up without need').toBe(true)
  }
}

/** Runs one cell: reaches the point, strikes, and sees every view come to the end of the truth. */
export async function runCell(bed: Bed): Promise<void> {
  const { cell, stream, upstream } = bed
  const [early, during, late] = ARRIVALS[cell.views]
  if (cell.killer === 'service-worker-stopped') {
    const page = await bed.context.newPage()
    await page.goto(upstream.origin)
    await page.evaluate(() => matrix.registerServiceWorker())
    await page.close()
  }
  // One after another where it matters who leads.
  if (isLed(cell)) for (let i = 0; i < early; i++) await bed.open(1)
  else await bed.open(early)
  await reachPoint(bed)
  const boot = await bed.bootId()
  await bed.open(during)
  await bed.look()
  await STRIKE[cell.killer](bed)
  // While a hub is held, a tab that was opened again may still be on its way to it.
  const survived = !isHandOver(cell) && !killsHub(cell) && (upstream.faults.holds || boot === (await bed.bootId()))
  upstream.faults.release()
  stream.release()
  stream.end()
  await bed.open(late)
  await expectTruth(bed, survived)
  if (survived && !cutsSockets(cell)) expect(stream.connections, 'connections of the one hub').toHaveLength(1)
  if (cell.upstream !== 'get') {
    // Rule 8. What the server saw may be more: Chromium 156 itself repeats a POST on a kept connection that breaks before an answer.
    expect(upstream.faults.reached('before-fetch'), 'a POST is sent once').toBe(1)
    const posts = stream.requests.filter(({ method }) => method === 'POST')
    expect(new Set(posts.map((post) => post.idempotencyKey)).size, 'keys').toBeLessThanOrEqual(1)
    expect(stream.connections.filter(({ method }) => method === 'POST').length, 'runs').toBeLessThanOrEqual(1)
  }
  expect(overlapOf(stream.connections), 'milliseconds with two connections').toBeLessThanOrEqual(MAX_OVERLAP_MS)
}
