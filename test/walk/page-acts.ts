import type { PageSink } from '../../src/client/page-sink.ts'
import { someChannel, type Act } from './act.ts'
import { pick } from './steps.ts'
import type { WriterRecord } from './reference.ts'
import type { Walker, WalkTab } from './walker.ts'

/** The name of all events, and of chunks that have one. */
export const EVENT = 'note'

/** What some awake page writes and has not finished. */
function someWriter(walker: Walker, random: () => number): { tab: WalkTab; writer: WriterRecord } | null {
  const all = walker.awake.flatMap((tab) => tab.writers.map((writer) => ({ tab, writer })))
  return (
    pick(
      random,
      all.filter(({ writer: { run, sink } }) => run.ending === null && !sink.signal.aborted),
    ) ?? null
  )
}

/** The page finishes what it writes. */
export function finish(walker: Walker, tab: WalkTab, { sink, run }: WriterRecord, kind: 'done' | 'error'): void {
  run.ending = kind === 'done' ? { kind } : { kind, code: 'upstream-error' }
  const ended = kind === 'done' ? sink.close() : sink.error(new Error('out of paper'))
  walker.ask(tab, `${kind} of ${run.name}`, ended, () => walker.reference.finished(run), run.streamId)
}

const writes =
  (most: number): Act =>
  (walker, random) => {
    const found = someWriter(walker, random)
    if (found === null) return null
    const { tab, writer } = found
    const { sink, run } = writer
    const units = 1 + Math.floor(random() * most)
    for (let i = 0; i < units; i++) {
      const seq = (run.released += 1)
      const written = sink.write(run.unit(seq), random() < 0.2 ? { event: EVENT } : {})
      walker.ask(tab, `write ${seq} of ${run.name}`, written, () => walker.reference.stored(run, seq), run.streamId)
    }
    return `${tab.tag} writes ${units} more of ${run.name}`
  }

const finishes =
  (kind: 'done' | 'error'): Act =>
  (walker, random) => {
    const found = someWriter(walker, random)
    if (found === null) return null
    finish(walker, found.tab, found.writer, kind)
    return `${found.tab.tag} says ${kind} of ${found.writer.run.name}`
  }

const publishes: Act = (walker, random) => {
  const found = someChannel(walker, random)
  if (found === null) return null
  const { tab, name, channel } = found
  const number = walker.publish(tab, name, channel, EVENT)
  return `${tab.tag} publishes ${number} in ${name}`
}

/** What pages do that are more than readers. */
export const PAGE_ACTS = {
  'start writing': (walker, random) => {
    const found = someChannel(walker, random)
    if (found === null) return null
    const { tab, name, channel } = found
    const sink = channel.start()
    const run = walker.truth.written(sink.id)
    tab.writers.push({ sink, run })
    // What goes wrong with it its signal tells.
    walker.ask(
      tab,
      `start ${run.name}`,
      (sink as PageSink).started.catch(() => undefined),
    )
    // Where no hub answers it, a page gives up what it writes, and lets its lock go.
    sink.signal.addEventListener('abort', () => {
      const { code } = sink.signal.reason as { code?: string }
      if (code === 'worker-failed') run.left = true
    })
    return `${tab.tag} starts to write ${run.name} in ${name}`
  },
  'start again': (walker, random) => {
    const found = someChannel(walker, random)
    const id = found?.channel.streamId
    if (!found || id == null) return null
    const { tab, name, channel } = found
    const { forgetAsked } = walker.reference.known(id)
    if (forgetAsked) return null
    walker.startAgain(tab, channel.start({ id }))
    return `${tab.tag} starts to write ${id} in ${name}, which exists`
  },
  write: writes(5),
  'write much': writes(200),
  /** What was stored and not answered is said again to the next hub. */
  'kill hub while writing': async (walker, random) => {
    const hub = walker.world.hubs.at(-1)
    const open = walker.world.stores.slice(-3).map((store) => store.hold('commit', 'after'))
    const did = await writes(5)(walker, random)
    await walker.settle(2 + Math.floor(random() * 10))
    if (did !== null && hub !== undefined) walker.world.killHub(hub)
    for (const letGo of open) letGo()
    return did === null ? null : `${did}, and kill ${hub?.bootId}`
  },
  finish: finishes('done'),
  'give up': finishes('error'),
  'cancel a reader': (walker, random) => {
    const tab = pick(random, walker.awake)
    const found = pick(random, tab?.readers.filter(({ record }) => !record.ended && record.error === null) ?? [])
    if (tab === undefined || found === undefined) return null
    const { record, reader } = found
    record.cancelled = true
    // Of what a page writes, the last reader's wish is a verb.
    if (walker.reference.run(record.streamId)?.kind === 'page') {
      walker.reference.known(record.streamId).cancelAsked = true
    }
    walker.ask(tab, `cancel a reader of ${record.streamId}`, reader.cancel('enough'))
    return `${tab.tag} cancels a reader of ${record.streamId}`
  },
  listen: (walker, random) => {
    const found = someChannel(walker, random)
    if (found === null || found.tab.listeners.length >= 3) return null
    walker.listen(found.tab, found.name, found.channel, EVENT)
    return `${found.tab.tag} listens in ${found.name}`
  },
  'listen no more': (walker, random) => {
    const tab = pick(random, walker.awake)
    const listener = pick(random, tab?.listeners ?? [])
    if (tab === undefined || listener === undefined) return null
    tab.listeners.splice(tab.listeners.indexOf(listener), 1)
    listener.off()
    return `${tab.tag} listens no more in ${listener.channel}`
  },
  publish: publishes,
  /** Some have heard it, and hear it again from the next hub. */
  'kill hub while publishing': async (walker, random) => {
    const hub = walker.world.hubs.at(-1)
    const did = await publishes(walker, random)
    if (did === null || hub === undefined) return did
    await walker.settle(1 + Math.floor(random() * 6))
    walker.world.killHub(hub)
    return `${did}, and kill ${hub.bootId}`
  },
} as const satisfies Record<string, Act>

/** Pages write less often than upstreams, and a stream that was begun is written more often than another one begins. */
export const PAGE_WEIGHTS: Readonly<Record<keyof typeof PAGE_ACTS, number>> = {
  'start writing': 4,
  'start again': 0.5,
  write: 12,
  'write much': 1,
  'kill hub while writing': 1,
  finish: 2,
  'give up': 0.5,
  'cancel a reader': 2,
  listen: 2,
  'listen no more': 1,
  publish: 3,
  'kill hub while publishing': 1,
}
