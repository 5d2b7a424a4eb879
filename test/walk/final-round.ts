import type { StreamRow } from '../../src/store/log-store.ts'
import { EVENT, finish } from './page-acts.ts'
import { must } from './violation.ts'
import type { Walker, WalkTab } from './walker.ts'

/** More than any back-off, probe or re-read takes, in steps of {@link STEP_MS}. */
const STEPS = 60
const STEP_MS = 4_000

/** Nothing disturbs any more, and every upstream comes to its end. */
function makePeace(walker: Walker): void {
  const { world, truth, gates, tabs, reference } = walker
  walker.peace = true
  world.online = true
  world.reachable = true
  world.pingsLost = false
  truth.refusing = null
  truth.slow = null
  truth.finishing = true
  for (const run of truth.served) run.ending ??= { kind: 'done' }
  truth.poke()
  for (const open of gates.values()) open()
  gates.clear()
  for (const { failing } of world.stores) failing.clear()
  for (const tab of tabs) {
    world.valve(tab.tag).open()
    if (tab.paused) tab.page.connection.resume()
    tab.paused = false
  }
  for (const tab of tabs) {
    for (const writer of tab.writers) {
      if (writer.run.ending === null && !writer.sink.signal.aborted) finish(walker, tab, writer, 'done')
    }
  }
  for (const streamId of truth.runs.keys()) reference.known(streamId).stoppedAt = null
}

/** Where nothing moves any more: ended, stopped by its users, or lost and not to be continued. */
const rests = (row: StreamRow): boolean =>
  row.intent === null &&
  (row.ending !== null || row.status === 'stopped' || (row.status === 'disconnected' && !row.resumable))

/** What does not show yet what is stored. */
async function unfinished(walker: Walker): Promise<string[]> {
  const rows = await walker.world.store.rows()
  const left = rows.filter((row) => !rests(row)).map((row) => `${row.streamId} is ${JSON.stringify(row)}`)
  for (const { tag, channels } of walker.tabs) {
    for (const [name, { channel, reads }] of channels) {
      const row = rows.findLast((row) => row.channel === name)
      const { streamId, status, seq, ending, text } = channel.state
      const whole = reads ? text === (walker.truth.runs.get(streamId ?? '')?.text(row?.seq ?? 0) ?? '') : true
      const same =
        streamId === (row?.streamId ?? null) &&
        (row === undefined ||
          (status === row.status && seq === row.seq && JSON.stringify(ending) === JSON.stringify(row.ending)))
      if (!same || !whole) {
        left.push(
          `${name} in ${tag} shows ${JSON.stringify({ streamId, status, seq, ending })}, stored is ${JSON.stringify(row)}`,
        )
      }
    }
  }
  for (const { what, settled, ofStream } of walker.answers) {
    // Whoever reads a stream that rests without an end waits with good reason.
    const rests = rows.some((row) => row.streamId === ofStream && row.ending === null)
    if (!settled && !rests) left.push(`${what} has no answer`)
  }
  return left
}

/** What is published now, everybody hears who listens. Events are not stored: who was about to connect hears the next one. */
async function mustHear(walker: Walker, last: WalkTab): Promise<void> {
  let deaf: string[] = []
  for (let step = 0; step < STEPS; step++) {
    const numbers = new Map<string, number>()
    for (const [name, { channel }] of last.channels) numbers.set(name, walker.publish(last, name, channel, EVENT))
    await walker.settle(20)
    deaf = walker.tabs.flatMap(({ tag, listeners }) =>
      listeners.filter(({ channel, heard }) => !heard.has(numbers.get(channel) ?? -1)).map(() => tag),
    )
    if (deaf.length === 0) return
    walker.world.clock.advance(STEP_MS)
  }
  must(deaf.length === 0, 'in the end everybody hears what is published', () => deaf.join())
}

/**
 * The end of a walk: all disturbances are over, a tab comes that follows everything, whatever can be resumed is resumed. Then all must come to rest,
 * every view must show all that is stored, every question must have its answer; and when all have left, nothing may be left behind.
 */
export async function finalRound(walker: Walker, openChannels: () => number): Promise<void> {
  const { world, reference } = walker
  makePeace(walker)
  const last = walker.open(walker.channels.map((name) => [name, true]))
  await walker.settle(30)
  let left: string[] = []
  for (let step = 0; step < STEPS; step++) {
    await walker.check()
    for (const { channel } of last.channels.values()) {
      if (!channel.canResume || channel.streamId === null) continue
      walker.ask(last, 'the last resume', channel.resume().finally(reference.resuming(channel.streamId)))
    }
    await walker.settle(20)
    left = await unfinished(walker)
    if (left.length === 0) break
    world.clock.advance(STEP_MS)
  }
  await walker.check()
  must(left.length === 0, 'in the end everything is complete, and answered', () => left.join('\n'))
  await mustHear(walker, last)
  await walker.check()
  const robbed = world.hasZombies
  for (const tab of walker.tabs) tab.page.connection.close()
  await walker.settle(30)
  // Tabs that crashed before they said hello.
  world.clock.advance(60_000)
  await walker.settle(30)
  await world.close()
  await walker.settle(30)
  // A hub that was taken for dead waits for locks that nobody gives it, and cannot leave in order.
  if (robbed) return
  // Its own name a hub holds for as long as its worker lives.
  const locks = world.locks.inUse.filter((use) => !/holds headwater:hub:/.test(use))
  must(locks.length === 0, 'whoever leaves lets go of all locks', () => locks.join())
  must(openChannels() === 0, 'whoever leaves closes all ports', () => `${openChannels()} channels are open`)
  const open = [...walker.truth.runs.values()].filter(({ sockets }) => sockets.size > 0)
  must(open.length === 0, 'whoever leaves closes all connections', () => open.map(({ name }) => name).join())
}
