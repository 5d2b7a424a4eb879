import { ms, table, thousands } from '../report.ts'
import type { Goal } from '../report.ts'
import type { AppendRate, AppendRow, DeliveryRow, RedisRow, ScalingRow } from './measure.ts'
import type { ContenderKind } from './messages.ts'

const times = (n: number): string => `${n.toFixed(2)} times`
const percent = (n: number): string => `${(n * 100).toFixed(0)} %`

export function sseTable(rows: readonly DeliveryRow[]): string {
  const head = ['readers', 'who', 'p50', 'p99', 'CPU', 'arrived', 'missed']
  const body = rows.flatMap(({ readers, by }) =>
    Object.entries(by).map(([who, { p50, p99, cpu, received, missed }]) => [
      String(readers),
      who,
      ms(p50),
      ms(p99),
      percent(cpu),
      thousands(received),
      String(missed),
    ]),
  )
  return table([head, ...body])
}

/** Half of the reference's delay, or one and a half of the bare server's; and nobody misses anything. */
export function sseGoals(rows: readonly DeliveryRow[]): Goal[] {
  return rows.flatMap(({ readers, by: { headwater, reference, bare } }) => [
    ...(['p50', 'p99'] as const).map((key) => {
      const [half, more] = [headwater[key] / reference[key], headwater[key] / bare[key]]
      return {
        what: `SSE to ${readers} readers, ${key}`,
        measured: `${times(half)} the reference's, ${times(more)} the bare one's`,
        goal: 'at most 0.5 or 1.5 times',
        met: half <= 0.5 || more <= 1.5,
      }
    }),
    {
      what: `SSE to ${readers} readers, events missed`,
      measured: String(headwater.missed),
      goal: 'none',
      met: headwater.missed === 0,
    },
  ])
}

export function appendTable(rows: readonly AppendRow[]): string {
  const head = ['store', 'connections', 'headwater', 'reference', 'bare']
  const cell = (rate: AppendRate | undefined): string =>
    rate === undefined ? '' : `${thousands(rate.perSecond)} (${rate.cpu.toFixed(0)} µs)`
  const body = rows.map(({ store, connections, by }) => [
    store,
    String(connections),
    cell(by.headwater),
    cell(by.reference),
    cell(by.bare),
  ])
  return table([head, ...body])
}

export function appendGoals(rows: readonly AppendRow[]): Goal[] {
  return rows.map(({ store, connections, by }) => {
    const ratio = (by.headwater?.perSecond ?? 0) / (by.reference?.perSecond ?? Infinity)
    const bare =
      by.bare === undefined ? '' : `; the bare one ${times(by.bare.perSecond / (by.reference?.perSecond ?? 0))}`
    const where = store === 'memory' ? 'in memory' : 'embedded, against its file store'
    return {
      what: `appends ${where}, ${connections} connections`,
      measured: times(ratio) + bare,
      goal: 'at least 2 times',
      met: ratio >= 2,
    }
  })
}

export function catchUpTable(by: Record<ContenderKind, number>): string {
  return table([['who', 'last byte of the last reader'], ...Object.entries(by).map(([who, took]) => [who, ms(took)])])
}

export function catchUpGoal(by: Record<ContenderKind, number>): Goal {
  const [faster, more] = [by.reference / by.headwater, by.headwater / by.bare]
  return {
    what: 'catch-up of 100 readers',
    measured: `${times(faster)} as fast as the reference, ${times(more)} the bare one's time`,
    goal: 'at least 5, or at most 1.5 times',
    met: faster >= 5 || more <= 1.5,
  }
}

export function redisTable(rows: readonly RedisRow[]): string {
  const head = ['processes', 'one stream', 'streams of their own', 'delivery p50', 'p99', 'missed']
  const body = rows.map(({ processes, oneStream, manyStreams, delivery }) => [
    String(processes),
    thousands(oneStream),
    thousands(manyStreams),
    ms(delivery.p50),
    ms(delivery.p99),
    String(delivery.missed),
  ])
  return table([head, ...body])
}

export function scalingTable(rows: readonly ScalingRow[]): string {
  const alone = rows[0]?.perSecond ?? NaN
  const body = rows.map(({ processes, perSecond }) => [
    String(processes),
    thousands(perSecond),
    times(perSecond / alone),
  ])
  return table([['processes', 'appends', 'of one'], ...body])
}
