import type { FaultPoint } from '../faults/fault-points.ts'
import { FAULT_POINTS } from '../faults/fault-points.ts'
import { seededRandom } from '../harness/random.ts'

/** What is done to a hub, its tabs or its upstream while the hub is held at a point. */
export const KILLERS = [
  /** The SharedWorker is killed by the browser, or (where a test has no way to) told to end itself at the point where it is. */
  'hub-killed',
  /** The tab whose process the hub lives in crashes. */
  'creator-crashed',
  /** The only tab is reloaded; of several, all at once. */
  'reloaded',
  /** The same with a hub that does not outlive its tabs, as in browsers without extended lifetime. */
  'reloaded-plain',
  /** All tabs are closed and one is opened again. */
  'all-closed',
  'all-closed-plain',
  /** In the tier where the hub is a dedicated worker of one tab: that tab crashes, is closed, is reloaded. */
  'leader-crashed',
  'leader-closed',
  'leader-reloaded',
  /** The service worker that serves page and hub script is stopped. */
  'service-worker-stopped',
  /** Every connection breaks, and the next request meets nobody. */
  'server-restarted',
  /** The connection breaks in the middle of a chunk. */
  'socket-cut',
  /** Every connection breaks, and nothing gets through until the network is back. */
  'network-gone',
] as const

export type Killer = (typeof KILLERS)[number]

export const VIEW_COUNTS = [1, 4, 8] as const

/**
 * - `get`: can be continued by its own request.
 * - `post`: sent once; the answer names the address where it goes on.
 * - `once`: sent once; cannot be continued.
 */
export const UPSTREAMS = ['get', 'post', 'once'] as const

export type Engine = 'chromium' | 'firefox'

export interface Cell {
  point: FaultPoint
  killer: Killer
  views: (typeof VIEW_COUNTS)[number]
  upstream: (typeof UPSTREAMS)[number]
}

export const cellName = ({ point, killer, views, upstream }: Cell): string =>
  `${killer} at ${point}, ${views} ${views === 1 ? 'view' : 'views'}, ${upstream}`

/** What `--only` takes. */
export const cellId = ({ point, killer, views, upstream }: Cell): string => `${killer}/${point}/${views}/${upstream}`

/** Whether the hub is a worker of the tab that leads. */
export const isLed = ({ killer }: Cell): boolean => killer.startsWith('leader-')

/** Whether another hub has died before the one that is held. */
export const isHandOver = ({ point }: Cell): boolean => point === 'lock-granted' || point === 'epoch-raised'

/** Whether the connection breaks although the hub lives. */
export const cutsSockets = ({ killer }: Cell): boolean =>
  killer === 'server-restarted' || killer === 'socket-cut' || killer === 'network-gone'

/** Whether the hub that is held dies for certain. Of reloads and closed tabs that depends on the browser. */
export const killsHub = (cell: Cell): boolean =>
  cell.killer === 'hub-killed' || cell.killer === 'creator-crashed' || isLed(cell)

/** Why a cell is not run; `null` where it is. */
export function whyNot(cell: Cell, engine: Engine): string | null {
  const { point, killer, upstream } = cell
  if (point === 'epoch-raised' && upstream === 'once')
    return 'what cannot be continued is not fetched after a hand-over'
  if (killer === 'socket-cut' && (isHandOver(cell) || point === 'before-fetch'))
    return 'there is no socket to cut before a fetch'
  if (engine === 'firefox') {
    if (killer.endsWith('-crashed')) return 'Playwright has no way to crash a tab of Firefox'
    if (killer === 'service-worker-stopped') return 'Playwright has no way to stop a service worker of Firefox'
    if (killer.endsWith('-plain')) return 'without extended lifetime the same as without -plain'
  }
  return null
}

/** Every combination, whether it makes sense or not. */
export function allCells(): Cell[] {
  return FAULT_POINTS.flatMap((point) =>
    KILLERS.flatMap((killer) =>
      VIEW_COUNTS.flatMap((views) => UPSTREAMS.map((upstream): Cell => ({ point, killer, views, upstream }))),
    ),
  )
}

/** How many cells are not run for each reason. */
export function leftOut(engine: Engine): Map<string, number> {
  const reasons = new Map<string, number>()
  for (const cell of allCells()) {
    const reason = whyNot(cell, engine)
    if (reason !== null) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  return reasons
}

/** What is asked for: all cells, or so many, or those that have all of some words in their id. */
export interface Selection {
  engine: Engine
  seed: number
  /** How many; `Infinity` for all. */
  count: number
  /** Words that must be parts of a cell's id, or whole ids. */
  only: readonly string[]
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}

/** The cells to run, in a seeded order; of a sample, every point with every kind of killer comes before the second of one pair. */
export function selectCells({ engine, seed, count, only }: Selection): Cell[] {
  const ids = only.filter((word) => word.includes('/'))
  const words = only.filter((word) => !word.includes('/'))
  const wanted = allCells().filter((cell) => {
    const parts = cellId(cell).split('/')
    return (ids.length === 0 || ids.includes(cellId(cell))) && words.every((word) => parts.includes(word))
  })
  const order = shuffled(
    wanted.filter((cell) => whyNot(cell, engine) === null),
    seededRandom(seed),
  )
  const pairs = new Set<string>()
  const first: Cell[] = []
  const rest: Cell[] = []
  for (const cell of order) {
    const pair = `${cell.point}/${cell.killer}`
    ;(pairs.has(pair) ? rest : first).push(cell)
    pairs.add(pair)
  }
  return [...first, ...rest].slice(0, count)
}
