import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisServer } from '../../support/redis-server.ts'
import { median } from '../tabs.ts'
import type { ContenderKind, ContenderStore, SseResult } from './messages.ts'
import type { Contender, Scripts } from './processes.ts'

export interface ServerPlan {
  readers: readonly number[]
  events: number
  perSecond: number
  appendSeconds: number
  appendConnections: number
  catchUpReaders: number
  catchUpBytes: number
  rounds: number
}

type Say = (what: string) => void

/** Runs `work` beside a fresh contender. */
async function beside<T>(
  scripts: Scripts,
  kind: ContenderKind,
  store: ContenderStore['kind'],
  work: (contender: Contender) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-bench-'))
  try {
    const place: ContenderStore = store === 'disk' ? { kind: 'disk', folder } : { kind: 'memory' }
    const contender = await scripts.contender({ kind, store: place })
    try {
      return await work(contender)
    } finally {
      await contender.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export interface Delivery extends SseResult {
  /** Of one processor, over the time of the load. */
  cpu: number
}

/** Medians of the rounds; what was missed is added up. */
function middle(rounds: readonly Delivery[]): Delivery {
  const of = (key: keyof Delivery): number => median(rounds.map((round) => round[key]))
  return {
    p50: of('p50'),
    p99: of('p99'),
    cpu: of('cpu'),
    received: of('received'),
    missed: rounds.reduce((sum, { missed }) => sum + missed, 0),
  }
}

const KINDS = ['headwater', 'reference', 'bare'] as const satisfies readonly ContenderKind[]

export interface DeliveryRow {
  readers: number
  by: Record<ContenderKind, Delivery>
}

/** Delivery by SSE, in memory, each contender in turn within each round. */
export async function measureSse(scripts: Scripts, plan: ServerPlan, say: Say): Promise<DeliveryRow[]> {
  const rows: DeliveryRow[] = []
  for (const readers of plan.readers) {
    const rounds: Record<ContenderKind, Delivery[]> = { headwater: [], reference: [], bare: [] }
    for (let i = 0; i < plan.rounds; i++) {
      for (const kind of KINDS) {
        say(`SSE to ${readers} readers: ${kind}`)
        rounds[kind].push(
          await beside(scripts, kind, 'memory', async (contender) => {
            const url = contender.url + (await contender.createStream())
            const [before, start] = [await contender.usage(), performance.now()]
            const job = { what: 'sse', urls: [url], readers, events: plan.events, perSecond: plan.perSecond } as const
            const result = await scripts.load(job)
            const { cpu } = await contender.usage()
            return { ...result, cpu: (cpu - before.cpu) / 1000 / (performance.now() - start) }
          }),
        )
      }
    }
    rows.push({
      readers,
      by: {
        headwater: middle(rounds.headwater),
        reference: middle(rounds.reference),
        bare: middle(rounds.bare),
      },
    })
  }
  return rows
}

export interface AppendRow {
  store: 'memory' | 'disk'
  connections: number
  by: Partial<Record<ContenderKind, AppendRate>>
}

export interface AppendRate {
  perSecond: number
  /** Microseconds of the server's processor per append: what is left of the figure on a machine that is busy otherwise. */
  cpu: number
}

/** Appends of 100 bytes to one stream, on few and on many connections. */
export async function measureAppends(scripts: Scripts, plan: ServerPlan, say: Say): Promise<AppendRow[]> {
  const rows: AppendRow[] = []
  for (const store of ['memory', 'disk'] as const) {
    // The bare server keeps nothing on disk.
    const kinds = store === 'memory' ? KINDS : (['headwater', 'reference'] as const)
    for (const connections of [1, plan.appendConnections]) {
      const rounds: Record<ContenderKind, AppendRate[]> = { headwater: [], reference: [], bare: [] }
      for (let i = 0; i < plan.rounds; i++) {
        for (const kind of kinds) {
          say(`appends (${store}) on ${connections} connections: ${kind}`)
          const rate = await beside(scripts, kind, store, async (contender) => {
            const urls = [contender.url + (await contender.createStream())]
            const before = await contender.usage()
            const load = await scripts.load({ what: 'append', urls, connections, seconds: plan.appendSeconds })
            const { cpu } = await contender.usage()
            return { perSecond: load.perSecond, cpu: (cpu - before.cpu) / load.answered }
          })
          rounds[kind].push(rate)
        }
      }
      const middleOf = (rates: readonly AppendRate[]): AppendRate => ({
        perSecond: median(rates.map(({ perSecond }) => perSecond)),
        cpu: median(rates.map(({ cpu }) => cpu)),
      })
      rows.push({ store, connections, by: Object.fromEntries(kinds.map((kind) => [kind, middleOf(rounds[kind])])) })
    }
  }
  return rows
}

/** Bytes of one append of the stream that is caught up on: a line of a log, about. */
const LINE = `${'x'.repeat(99)}\n`
/** Lines per append while the stream is filled. */
const BATCH = 20

/** Milliseconds until all readers have the whole stream, which nobody has read before. */
export async function measureCatchUp(
  scripts: Scripts,
  plan: ServerPlan,
  say: Say,
): Promise<Record<ContenderKind, number>> {
  const rounds: Record<ContenderKind, number[]> = { headwater: [], reference: [], bare: [] }
  for (const kind of KINDS) {
    say(`catch-up: ${kind}`)
    await beside(scripts, kind, 'memory', async (contender) => {
      // The first one warms up.
      for (let i = 0; i <= plan.rounds; i++) {
        const url = contender.url + (kind === 'bare' && i > 0 ? '/v1/stream/bench/1' : await contender.createStream())
        if (kind !== 'bare' || i === 0) await fill(url, plan.catchUpBytes)
        const job = { what: 'catch-up', url, bytes: plan.catchUpBytes, readers: plan.catchUpReaders } as const
        const { ms } = await scripts.load(job)
        if (i > 0) rounds[kind].push(ms)
      }
    })
  }
  return {
    headwater: median(rounds.headwater),
    reference: median(rounds.reference),
    bare: median(rounds.bare),
  }
}

async function fill(url: string, bytes: number): Promise<void> {
  const body = LINE.repeat(BATCH)
  for (let sent = 0; sent < bytes; sent += body.length) {
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body })
    if (answer.status !== 204) throw new Error(`The stream was not filled: ${answer.status}.`)
  }
}

export interface RedisRow {
  processes: number
  /** Appends a second: all to one stream, and each process with streams of its own. */
  oneStream: number
  manyStreams: number
  delivery: SseResult
}

/** One Redis, one and three processes of the server: readers are at all of them, the writer at one. */
export async function measureRedis(scripts: Scripts, plan: ServerPlan, say: Say): Promise<RedisRow[]> {
  const redis = await RedisServer.start('everysec')
  try {
    const rows: RedisRow[] = []
    for (const processes of [1, 3]) {
      const store = { kind: 'redis', url: redis.url } as const
      const contenders = await Promise.all(
        Array.from({ length: processes }, () => scripts.contender({ kind: 'headwater', store })),
      )
      const [first] = contenders
      if (first === undefined) throw new Error('There is no process.')
      const rounds: Omit<RedisRow, 'processes'>[] = []
      for (let i = 0; i < plan.rounds; i++) {
        say(`Redis, ${processes} processes`)
        const paths: string[] = []
        while (paths.length <= processes) paths.push(await first.createStream())
        const [shared = '', ...own] = paths
        const append = { what: 'append', connections: plan.appendConnections, seconds: plan.appendSeconds } as const
        const at = (path: string): string[] => contenders.map(({ url }) => url + path)
        const one = await scripts.load({ ...append, urls: at(shared) })
        const many = await scripts.load({ ...append, urls: contenders.map(({ url }, who) => url + (own[who] ?? '')) })
        const watched = await first.createStream()
        const delivery = await scripts.load({
          what: 'sse',
          urls: at(watched),
          readers: 100,
          events: plan.events,
          perSecond: plan.perSecond,
        })
        rounds.push({ oneStream: one.perSecond, manyStreams: many.perSecond, delivery })
        // The next number of processes creates streams anew.
        for (const path of [...paths, watched]) await fetch(first.url + path, { method: 'DELETE' })
      }
      rows.push({
        processes,
        oneStream: median(rounds.map(({ oneStream }) => oneStream)),
        manyStreams: median(rounds.map(({ manyStreams }) => manyStreams)),
        delivery: {
          p50: median(rounds.map(({ delivery }) => delivery.p50)),
          p99: median(rounds.map(({ delivery }) => delivery.p99)),
          received: median(rounds.map(({ delivery }) => delivery.received)),
          missed: rounds.reduce((sum, { delivery }) => sum + delivery.missed, 0),
        },
      })
      await Promise.all(contenders.map((contender) => contender.stop()))
    }
    return rows
  } finally {
    await redis.close()
  }
}

/** Of one processor, for each process of the server: so little that three of them, Redis and the load have room on two. */
export const SHARE = 0.15

export interface ScalingRow {
  processes: number
  /** Appends a second. */
  perSecond: number
}

/**
 * How much one, two and three processes of the server do on one Redis, each with {@link SHARE} of a processor: as if each had a machine of its own, where
 * this one has too few processors for all. Each has connections and a stream of its own.
 * @throws {Error} where the system gives no shares of processors
 */
export async function measureScaling(scripts: Scripts, plan: ServerPlan, say: Say): Promise<ScalingRow[]> {
  const redis = await RedisServer.start('everysec')
  try {
    const rows: ScalingRow[] = []
    for (const processes of [1, 2, 3]) {
      const store = { kind: 'redis', url: redis.url } as const
      const contenders = await Promise.all(
        Array.from({ length: processes }, () => scripts.contender({ kind: 'headwater', store })),
      )
      const paths: string[] = []
      for (const contender of contenders)
        paths.push(await contender.createStream(`scaling-${processes}-${paths.length}`))
      const urls = contenders.map(({ url }, i) => url + (paths[i] ?? ''))
      const connections = plan.appendConnections * processes
      const job = { what: 'append', urls, connections, seconds: plan.appendSeconds } as const
      say(`${processes} processes with ${SHARE} of a processor each`)
      // With all there is at first: what is compiled once is not what is measured.
      await scripts.load(job)
      for (const contender of contenders) await contender.limit(SHARE)
      const rounds: number[] = []
      for (let i = 0; i < plan.rounds; i++) rounds.push((await scripts.load(job)).perSecond)
      rows.push({ processes, perSecond: median(rounds) })
      await Promise.all(contenders.map((contender) => contender.stop()))
    }
    return rows
  } finally {
    await redis.close()
  }
}
