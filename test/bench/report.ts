import type { Delay, Row } from './measure.ts'
import type { Length } from './measure-limits.ts'

const thousands = (n: number): string => Math.round(n).toLocaleString('en').replaceAll(',', ' ')
const ms = (n: number): string => `${n.toFixed(2)} ms`

/** Columns as wide as their widest cell, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
    .join('\n')
}

/** What the project promises of a figure. It is reported, not enforced: machines differ, and a benchmark is no test. */
export interface Goal {
  what: string
  measured: string
  goal: string
  met: boolean
}

const atLeast = (what: string, ratio: number, goal: number): Goal => ({
  what,
  measured: `${ratio.toFixed(ratio < 10 ? 2 : 0)} times`,
  goal: `at least ${goal} times`,
  met: ratio >= goal,
})

export function fanOutTable(rows: readonly Row[]): string {
  const head = ['tabs', 'headwater', '(a) full text', '(b) message', '(c) callback', '(d) raw batches']
  const body = rows.map(({ tabs, perSecond }) => [
    String(tabs),
    ...(['headwater', 'full-text', 'message-per-chunk', 'callback-per-chunk', 'raw-batches'] as const).map((how) =>
      thousands(perSecond[how]),
    ),
  ])
  return table([head, ...body])
}

/** The goals of the widest fan-out that was measured; they are promised for ten tabs. */
export function fanOutGoals(rows: readonly Row[]): Goal[] {
  const row = rows.at(-1)
  if (row === undefined) return []
  const { headwater, ...others } = row.perSecond
  const against = (name: string, how: keyof typeof others, goal: number): Goal =>
    atLeast(`${row.tabs} tabs, against ${name}`, headwater / others[how], goal)
  return [
    against('(a) full text on every chunk', 'full-text', 200),
    against('(b) one message per chunk and port', 'message-per-chunk', 40),
    against('(c) one Comlink callback per chunk', 'callback-per-chunk', 100),
    against('(d) raw ports, batches of 50', 'raw-batches', 0.4),
  ]
}

export function delayGoal({ bare, stored, hub }: Record<'bare' | 'stored' | 'hub', Delay>): Goal {
  const more = hub.p50 - bare.p50
  return {
    what: 'append to callback, beyond a bare port',
    measured: `${ms(more)} (the least that stores: ${ms(stored.p50 - bare.p50)})`,
    goal: 'at most 1 ms',
    met: more <= 1,
  }
}

export function replayGoal({ bareMs, hubMs, coldMs }: Record<'bareMs' | 'hubMs' | 'coldMs', number>): Goal {
  const ratio = hubMs / bareMs
  return {
    what: 'replay, against a bare read of the same records',
    measured: `${ratio.toFixed(2)} times (by a new hub: ${(coldMs / bareMs).toFixed(2)})`,
    goal: 'at most 2 times',
    met: ratio <= 2,
  }
}

export function handOverGoal(typical: number): Goal {
  return { what: 'hand-over, kill to next chunk', measured: ms(typical), goal: 'at most 250 ms', met: typical <= 250 }
}

export function blockedGoal({ free, blocked }: { free: Delay; blocked: Delay }): Goal {
  const ratio = blocked.p99 / free.p99
  return {
    what: 'nine tabs beside one that is blocked, p99',
    measured: `${ratio.toFixed(2)} times`,
    goal: 'at most 1.5 times',
    met: ratio <= 1.5,
  }
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`

export function lengthTable(lengths: readonly Length[]): string {
  const head = ['chunks', 'hub heap', 'after a late tab', 'live, all', 'late, first', 'late, all', 'tail 100, first']
  const body = lengths.map((of) => [
    thousands(of.chunks),
    mb(of.heap),
    mb(of.heapLate),
    ms(of.liveMs),
    ms(of.firstMs),
    ms(of.lateMs),
    ms(of.tailMs),
  ])
  return table([head, ...body])
}

/** What the hub holds may not grow from the shortest stream to the longest, but by what rows and indexes of its segments take. */
export function lengthGoal(lengths: readonly Length[]): Goal {
  const [short, long] = [lengths[0], lengths.at(-1)]
  const growth = short && long ? Math.max(long.heap - short.heap, long.heapLate - short.heapLate) : NaN
  return {
    what: `hub heap, ${thousands(long?.chunks ?? 0)} chunks against ${thousands(short?.chunks ?? 0)}`,
    measured: `${mb(growth)} more`,
    goal: 'at most 1 MB more',
    met: growth <= 1e6,
  }
}

export function goalTable(goals: readonly Goal[]): string {
  return table(goals.map(({ what, measured, goal, met }) => [what, measured, goal, met ? 'met' : 'NOT MET']))
}

export { ms, thousands }
