// Watchers of one channel by WebSocket, beside the least that Node can do with the same package: a loop that sends a frame of the same size to
// everybody. Server and watchers are processes of their own; the watchers are bare connections that count what comes.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'vite'
import type { Goal } from './report.ts'
import { goalTable, table } from './report.ts'
import type {
  SocketServerAnswer,
  SocketServerJob,
  SocketServerKind,
  SocketServerOrder,
  SocketServerReady,
  WatchersJob,
  WatchersNote,
} from './sockets/messages.ts'
import { median } from './tabs.ts'

const FULL: SocketPlan = { watchers: 5000, events: 60, perSecond: 6, rounds: 3 }
const QUICK: SocketPlan = { ...FULL, rounds: 1 }

interface SocketPlan {
  watchers: number
  events: number
  perSecond: number
  rounds: number
}

/** What one kind of server did with its watchers. */
interface SocketFigures {
  /** CPU time per event and watcher, in microseconds. */
  cpu: number
  /** Bytes per watcher: of the process, and of objects and buffers alone. */
  rss: number
  held: number
  /** Watchers that got every event. */
  served: number
}

async function say<T>(child: ChildProcess, order: SocketServerOrder): Promise<T> {
  const answered = once(child, 'message')
  child.send(order)
  return ((await answered) as [T])[0]
}

async function measureOnce(folder: string, kind: SocketServerKind, plan: SocketPlan): Promise<SocketFigures> {
  const server = fork(join(folder, 'server.js'), [JSON.stringify({ kind } satisfies SocketServerJob)], {
    execArgv: ['--expose-gc'],
  })
  const [{ url }] = (await once(server, 'message')) as [SocketServerReady]
  const { memory: before } = await say<SocketServerAnswer>(server, { what: 'memory' })
  const job: WatchersJob = { url, kind, watchers: plan.watchers, events: plan.events }
  const watchers = fork(join(folder, 'watchers.js'), [JSON.stringify(job)])
  await once(watchers, 'message')
  const { memory: after } = await say<SocketServerAnswer>(server, { what: 'memory' })
  const done = once(watchers, 'message') as Promise<[WatchersNote]>
  const { events, perSecond } = plan
  const { cpu } = await say<SocketServerAnswer>(server, { what: 'send', events, perSecond })
  const [{ events: came }] = await done
  watchers.disconnect()
  server.disconnect()
  await Promise.all([once(watchers, 'exit'), once(server, 'exit')])
  return {
    cpu: (cpu ?? NaN) / plan.events / plan.watchers,
    rss: ((after?.rss ?? NaN) - (before?.rss ?? NaN)) / plan.watchers,
    held: ((after?.held ?? NaN) - (before?.held ?? NaN)) / plan.watchers,
    served: came / plan.events,
  }
}

/** Both kinds in turn, medians. Resolves only once every watcher has every event. */
export async function measureSockets(
  root: string,
  plan: SocketPlan,
  progress: (text: string) => void,
): Promise<Record<SocketServerKind, SocketFigures>> {
  // Inside of the project, so that the processes find its packages.
  const folder = await mkdtemp(join(root, 'node_modules/.bench-sockets-'))
  try {
    await build({
      configFile: false,
      logLevel: 'error',
      build: {
        ssr: true,
        outDir: folder,
        emptyOutDir: false,
        rolldownOptions: {
          input: ['server', 'watchers'].map((name) => join(root, `test/bench/sockets/${name}.ts`)),
        },
      },
    })
    const rounds: Record<SocketServerKind, SocketFigures[]> = { headwater: [], bare: [] }
    for (let round = 0; round < plan.rounds; round++) {
      for (const kind of ['bare', 'headwater'] as const) {
        progress(`${plan.watchers} watchers, ${kind}`)
        rounds[kind].push(await measureOnce(folder, kind, plan))
      }
    }
    return { headwater: typical(rounds.headwater), bare: typical(rounds.bare) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function typical(rounds: readonly SocketFigures[]): SocketFigures {
  const of = (key: keyof SocketFigures): number => median(rounds.map((figures) => figures[key]))
  return { cpu: of('cpu'), rss: of('rss'), held: of('held'), served: of('served') }
}

function socketTable(figures: Record<SocketServerKind, SocketFigures>): string {
  const row = (name: string, { cpu, rss, held, served }: SocketFigures): string[] => [
    name,
    `${cpu.toFixed(2)} µs`,
    `${(rss / 1024).toFixed(1)} KiB`,
    `${(held / 1024).toFixed(1)} KiB`,
    String(served),
  ]
  const head = ['', 'CPU per event', 'memory, process', 'objects', 'served']
  return table([head, row('headwater', figures.headwater), row('bare `ws` loop', figures.bare)])
}

function socketGoal({ headwater, bare }: Record<SocketServerKind, SocketFigures>, { watchers }: SocketPlan): Goal {
  const ratio = headwater.cpu / bare.cpu
  return {
    what: `${watchers} watchers by WebSocket, CPU against a bare loop`,
    measured: `${ratio.toFixed(2)} times`,
    goal: 'at most 1.5 times',
    met: ratio <= 1.5,
  }
}

/** Measures, and prints a table and the goal. Rejects only where something could not be measured. */
export async function runSocketBench({ quick, root }: { quick: boolean; root: string }): Promise<void> {
  const plan = quick ? QUICK : FULL
  const figures = await measureSockets(root, plan, (text) => void process.stderr.write(`… ${text}\n`))
  process.stdout.write(
    `\n${plan.watchers} watchers of one channel by WebSocket, ${plan.perSecond} events of 100 bytes a second\n` +
      `${socketTable(figures)}\n\n${goalTable([socketGoal(figures, plan)])}\n`,
  )
}
