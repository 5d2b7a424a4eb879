// The server beside the reference server of Durable Streams and a bare Node server, in one run on one machine.
//
// Every contender is a process of its own, fresh for each round, and the load is another process with bare sockets, so that what is measured is
// the server. Delays are taken in the load's process by one clock: from the moment before an append is sent until a reader's socket
// has its event. The bare server writes events as long as ours to every response in a loop, and does nothing else.
// Ours runs as `npm start` does, guard included. Both stores on disk flush before they answer; ours all appends together that arrived together.
import { availableParallelism, cpus } from 'node:os'
import { goalTable } from '../report.ts'
import type { Goal } from '../report.ts'
import { hasRedis } from '../../support/redis-server.ts'
import { measureAppends, measureCatchUp, measureRedis, measureScaling, measureSse, SHARE } from './measure.ts'
import type { ServerPlan } from './measure.ts'
import { Scripts } from './processes.ts'
import {
  appendGoals,
  appendTable,
  catchUpGoal,
  catchUpTable,
  redisTable,
  scalingTable,
  sseGoals,
  sseTable,
} from './report.ts'

const FULL: ServerPlan = {
  readers: [1, 100, 1000],
  events: 200,
  perSecond: 50,
  appendSeconds: 3,
  appendConnections: 32,
  catchUpReaders: 100,
  catchUpBytes: 2 * 1024 * 1024,
  rounds: 3,
}
const QUICK: ServerPlan = { ...FULL, events: 100, appendSeconds: 1, rounds: 1 }

export interface ServerBenchOptions {
  quick: boolean
  /** Parts; all where it has `server`. */
  only: readonly string[]
  /** Root of the repository. */
  root: string
}

/** Measures, and prints tables. Rejects only where something could not be measured. */
export async function runServerBench({ quick, only, root }: ServerBenchOptions): Promise<void> {
  const plan = quick ? QUICK : FULL
  const wants = (part: string): boolean => only.includes('server') || only.includes(part)
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  const progress = (text: string): void => void process.stderr.write(`… ${text}\n`)
  const goals: Goal[] = []
  const scripts = await Scripts.build(root)
  try {
    say(
      `Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model ?? '?'}, medians of ${plan.rounds} rounds`,
    )
    if (wants('server-sse')) {
      const rows = await measureSse(scripts, plan, progress)
      say(`\nDelivery by SSE at ${plan.perSecond} events a second\n${sseTable(rows)}`)
      goals.push(...sseGoals(rows))
    }
    if (wants('server-append')) {
      const rows = await measureAppends(scripts, plan, progress)
      say(
        `\nAppends of 100 bytes to one stream, a second (processor time of the server for each)\n${appendTable(rows)}`,
      )
      goals.push(...appendGoals(rows))
    }
    if (wants('server-catchup')) {
      const by = await measureCatchUp(scripts, plan, progress)
      say(`\nCatch-up of ${plan.catchUpBytes} bytes by ${plan.catchUpReaders} readers\n${catchUpTable(by)}`)
      goals.push(catchUpGoal(by))
    }
    if (wants('server-redis')) {
      if (!hasRedis) throw new Error('There is no redis-server on this machine.')
      const rows = await measureRedis(scripts, plan, progress)
      say(
        `\nOn one Redis: appends of 100 bytes a second on ${plan.appendConnections} connections; delivery of ${plan.perSecond} events a second to 100 readers\n${redisTable(rows)}`,
      )
    }
    if (wants('server-scaling')) {
      const rows = await measureScaling(scripts, plan, progress).catch((error: unknown) => String(error))
      say(
        typeof rows === 'string'
          ? `\nScaling over processes was not measured: this system gives no shares of its processors (${rows}).`
          : `\nOn one Redis, processes with ${SHARE} of a processor each: appends of 100 bytes a second to streams of their own\n${scalingTable(rows)}`,
      )
    }
    if (goals.length > 0) say(`\nGoals\n${goalTable(goals)}`)
  } finally {
    await scripts.remove()
  }
}
