import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import '../../../src/client/content.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import type { Connection } from '../../../src/client/connection.ts'
import { View } from '../../../src/client/view.ts'
import { Cursor } from '../../../src/hub/cursor.ts'
import type { Hub } from '../../../src/hub/hub.ts'
import type { StreamSession } from '../../../src/hub/stream-session.ts'
import { acquireLock } from '../../../src/liveness/locks.ts'
import type { Batch } from '../../../src/protocol/hub-port.ts'
import { ownLock } from '../../../src/protocol/names.ts'
import { packChunks } from '../../../src/protocol/packed-chunks.ts'
import type { StreamRow } from '../../../src/store/log-store.ts'
import { Page, ScriptedHub, snapshot, texts } from '../client/scripted-hub.ts'
import { UnreliableStore } from './unreliable-store.ts'
import { until, World } from './world.ts'

let store: UnreliableStore
let world: World

beforeEach(() => {
  store = new UnreliableStore()
  world = new World(store)
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  vi.useRealTimers()
  world.upstream.end()
  await world.close()
})

/** A few turns of the event loop, in which whatever can happen happens. */
async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

const openReading = async (source: object = {}): Promise<HubChannel> => {
  const tab = world.openTab().channel('build')
  void tab.text
  await tab.open({ url: '/log', ...source })
  world.upstream.release('a')
  await until(() => tab.text === 'a', 'the first chunk')
  return tab
}

/** A tab of a second hub, which follows. */
async function openFollower(): Promise<{ tab: HubChannel; page: Connection; owner: Hub; follower: Hub }> {
  const owner = world.hub
  const follower = await world.startHub()
  const { channel, connection } = world.openTab()
  const tab = channel('build')
  void tab.text
  await until(() => tab.text === 'a', 'the follower')
  return { tab, page: connection, owner, follower }
}

/** A request that must not be sent twice, whose owner is about to commit that it may be sent; and a hub that would take over. */
const aboutToSend = async (): Promise<{ owner: Hub; other: HubChannel; commit: () => void }> => {
  const { channel, connection } = world.openTab()
  await connection.connected()
  const owner = world.hub
  const takeOver = store.hold('commit')
  await channel('chat').send({ url: '/chat', method: 'POST', body: 'hi' })
  await until(() => store.isHeld('commit'), 'the take-over')
  takeOver()
  const commit = store.hold('commit')
  await settle()
  expect(store.isHeld('commit')).toBe(true)
  store.pass('commit')
  await world.startHub()
  const other = world.openTab().channel('chat')
  await until(() => other.streamId !== null, 'the other hub')
  return { owner, other, commit }
}

describe('hand-over', () => {
  it('rule 1: a new owner asks from what its own take-over read, not from what it knew before', async () => {
    await openReading()
    const { tab, owner } = await openFollower()
    world.pingsLost = true
    world.upstream.release('b')
    await until(async () => (await store.rows())[0]?.seq === 2)
    expect(tab.text).toBe('a')
    world.killHub(owner)
    world.upstream.release('c')
    await until(() => tab.text === 'abc', 'the new owner')
    expect(world.upstream.requests[1]?.position.token).toBe('2')
  })

  it('rule 2, fault 12: what an owner that is one no longer still appends is refused inside its transaction', async () => {
    await openReading()
    const { tab, owner } = await openFollower()
    const lateAppend = store.hold('commit')
    world.upstream.release('b')
    await until(() => store.calls.at(-1) === 'commit')
    store.pass('commit')
    world.makeZombie(owner)
    await until(() => tab.text === 'ab', 'the new owner')
    lateAppend()
    world.upstream.release('c')
    await until(() => tab.text === 'abc', 'the new owner to go on')
    await settle()
    expect((await store.rows())[0]?.seq).toBe(3)
    // The zombie found itself fenced, and closed its socket.
    await until(() => world.upstream.sockets.size === 1)
  })

  it('rule 2: an owner that is one no longer does not send what its successor has sent', async () => {
    const { owner, other, commit } = await aboutToSend()
    world.makeZombie(owner)
    await until(() => other.status === 'streaming', 'the new owner')
    commit()
    await settle()
    expect(world.upstream.requests).toHaveLength(1)
    expect((await store.rows())[0]?.epoch).toBe(2)
  })

  it('rule 3: nothing is delivered before the transaction that stores it', async () => {
    const tab = await openReading()
    const commit = store.hold('commit')
    world.upstream.release('b')
    await settle()
    expect(tab.text).toBe('a')
    commit()
    await until(() => tab.text === 'ab')
  })

  it('rule 4: a hub that leaves closes upstream and waits for the transaction in flight before it lets the lock go', async () => {
    const tab = await openReading()
    const lock = ownLock(tab.streamId as string)
    const commit = store.hold('commit')
    world.upstream.release('b')
    await until(() => store.calls.at(-1) === 'commit')
    world.upstream.release('c')
    await settle()
    const closing = world.hub.close()
    await settle()
    expect(world.upstream.sockets.size).toBe(0)
    expect(world.locks.holders(lock)).toHaveLength(1)
    commit()
    await closing
    expect(world.locks.holders(lock)).toHaveLength(0)
  })

  it('rule 5: a hello that gets no welcome in time is said again, to a hub that may live', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const dying = new ScriptedHub('dying')
    dying.welcome = () => new Promise(() => undefined)
    const page = new Page(dying)
    await until(() => page.starts.length === 1 && dying.tab !== null)
    page.hub = new ScriptedHub('alive')
    await page.hub.live(page.locks)
    await vi.advanceTimersByTimeAsync(5_000)
    await vi.advanceTimersByTimeAsync(500)
    await until(() => page.connection.info?.bootId === 'alive', 'the next hub')
    page.close()
  })

  it('rule 6: after a cut socket the same owner asks from the committed position, nothing in flight', async () => {
    const tab = await openReading()
    const commit = store.hold('commit')
    world.upstream.release('b')
    await until(() => store.calls.at(-1) === 'commit')
    world.upstream.release('c')
    await settle()
    world.upstream.cut()
    await settle()
    expect(world.upstream.requests).toHaveLength(1)
    commit()
    await until(() => tab.status === 'reconnecting')
    await settle()
    world.clock.advance(2_000)
    world.upstream.release('d')
    await until(() => tab.text === 'abcd', 'all chunks once')
    const seqs = world.upstream.requests.map(({ position }) => position.token)
    expect(seqs).toEqual([null, '3'])
  })

  it('rule 7: the end of a body without the evidence of an end is a lost connection', async () => {
    const tab = await openReading()
    world.upstream.finish()
    await until(() => tab.status === 'reconnecting')
    expect(tab.ending).toBeNull()
  })

  it('rule 8: that a POST may have been sent is committed before it is', async () => {
    const tab = world.openTab().channel('chat')
    const commit = store.hold('commit')
    await tab.send({ url: '/chat', method: 'POST', body: 'hi' })
    await settle()
    expect(world.upstream.requests).toHaveLength(0)
    commit()
    await until(() => world.upstream.requests.length === 1)
    expect((await store.rows())[0]?.sent).toBe(true)
  })

  it('rule 14: an owner whose lock was taken away closes its connection and commits nothing more', async () => {
    const tab = await openReading()
    const lock = ownLock(tab.streamId as string)
    const thief = await acquireLock(world.locks.agent('thief'), lock, { steal: true })
    await until(() => world.upstream.sockets.size === 0, 'the socket to close')
    world.upstream.release('b')
    await settle()
    expect(tab.text).toBe('a')
    thief.release()
    await until(() => tab.text === 'ab', 'the hub to own it again')
    expect(world.upstream.mostOfOne).toBe(1)
    expect((await store.rows())[0]?.epoch).toBe(2)
  })
})

describe('delivery', () => {
  it('rule 9: done is shown with the last chunk, and not before, however many batches a log takes', async () => {
    const tab = world.openTab().channel('build')
    world.upstream.release(...Array.from({ length: 12_000 }, () => 'x'))
    world.upstream.end()
    await tab.open({ url: '/log' })
    await until(() => tab.done, 'the end')
    const late = world.openTab().channel('build')
    void late.text
    const shown: string[] = []
    late.subscribe(() => shown.push(`${late.status} ${late.text.length}`))
    await until(() => late.text.length === 12_000 && late.done)
    expect([...new Set(shown.filter((state) => state.startsWith('done')))]).toEqual(['done 12000'])
    expect(shown.length).toBeGreaterThan(2)
  })

  /** What a cursor at this place of a stream delivers. */
  const deliveriesFrom = (session: StreamSession, next: number): Batch[] => {
    const batches: Batch[] = []
    const cursor = new Cursor({
      cursorId: 1,
      bootId: 'hub',
      chunks: true,
      deliver: (batch) => Promise.resolve({ next: (batches.push(batch), batch.toSeq) }),
      gone: () => undefined,
      pause: () => Promise.resolve(),
      failed: () => undefined,
    })
    cursor.follow(session, next)
    return batches
  }

  it('rule 9: a batch has a snapshot where it reaches what that says is committed, and nowhere else', async () => {
    const tab = world.openTab().channel('build')
    world.upstream.release(...Array.from({ length: 40 }, () => 'x'.repeat(200_000)))
    world.upstream.end()
    await tab.open({ url: '/log' })
    await until(() => tab.done, 'the end')
    const batches = deliveriesFrom(await world.hub.session(tab.streamId as string), 1)
    await until(() => batches.at(-1)?.toSeq === 41, 'all chunks')
    expect(batches.length).toBeGreaterThan(2)
    expect(batches.findIndex(({ snapshot }) => snapshot !== null)).toBe(batches.length - 1)
    expect(batches.at(-1)?.snapshot).toMatchObject({ seq: 40, status: 'done' })
  })

  it('rule 9: what is committed while a cursor looks for more comes with its chunks', async () => {
    const tab = await openReading()
    // Nobody owns it: what is said here of its row is all that moves.
    await tab.stop()
    const session = await world.hub.session(tab.streamId as string)
    await until(() => !session.owned)
    const batches = deliveriesFrom(session, 1)
    await until(() => batches.at(-1)?.toSeq === 2, 'the first chunk')
    await settle()
    const row = session.row as StreamRow
    session.learn({ ...row, version: row.version + 1 })
    // The cursor has just found that there is nothing more.
    session.learn({ ...row, version: row.version + 2, seq: 2 }, packChunks(texts('b'), 2))
    await until(() => batches.at(-1)?.snapshot?.seq === 2, 'the second one')
    expect(batches.filter(({ snapshot, toSeq }) => snapshot !== null && snapshot.seq !== toSeq - 1)).toEqual([])
  })

  it('rule 10: a batch that comes again is dropped, its snapshot included, and answered with the seq that is wanted', async () => {
    const page = new Page()
    const view = new View(page.connection, 'c', 's')
    void view.state.text
    await until(() => page.hub.attached.some(({ chunks }) => chunks === true))
    expect(await page.hub.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1, version: 2 }) })).toBe(2)
    const done = snapshot({ seq: 1, version: 3, status: 'done', ending: { kind: 'done' } })
    expect(await page.hub.deliver(1, texts('a'), { snapshot: done })).toBe(2)
    expect(await page.hub.deliver(3, texts('c'), { snapshot: done })).toBe(2)
    expect(view.state).toMatchObject({ text: 'a', status: 'streaming' })
    // Of an earlier life of the hub.
    expect(await page.hub.deliver(2, texts('b'), { bootId: 'older' })).toBe(2)
    expect(view.state.text).toBe('a')
    page.close()
  })

  it('rule 11: without any ping a follower still gets the last chunk and the ending, and a stopped stream’s resume', async () => {
    const first = await openReading()
    const { tab } = await openFollower()
    world.pingsLost = true
    await first.stop()
    await settle()
    world.clock.advance(3_000)
    await until(() => tab.status === 'stopped', 'the follower to see the stop')
    await first.resume()
    await until(() => first.status === 'streaming')
    world.upstream.release('b')
    world.upstream.end()
    await until(() => first.done)
    expect(tab.status).toBe('stopped')
    await settle()
    world.clock.advance(3_000)
    await until(() => tab.done && tab.text === 'ab', 'the follower to see the end')
  })

  it('rule 11: without any ping also a stream is read again that is not its channel’s newest', async () => {
    const older = await openReading()
    const { streamId } = older
    if (streamId === null) throw new Error('no stream')
    await older.open({ url: '/newer' })
    await world.startHub()
    const view = world.openTab().channel('build').stream(streamId)
    void view.state.text
    await until(() => view.state.text === 'a', 'the follower')
    world.pingsLost = true
    // What a new tab may bring is looked for once: that is not what is tested here.
    world.clock.advance(3_000)
    await settle()
    world.upstream.release('b')
    await until(async () => (await store.row(streamId))?.seq === 2, 'the owner')
    await settle()
    expect(view.state.text).toBe('a')
    world.clock.advance(3_000)
    await until(() => view.state.text === 'ab', 'the follower to read again')
  })

  it('rule 11: without any ping a channel is looked up again, whose newest stream another hub started', async () => {
    const first = await openReading()
    const { tab } = await openFollower()
    world.pingsLost = true
    const newer = await first.open({ url: '/newer' })
    await settle()
    expect(tab.streamId).not.toBe(newer)
    world.clock.advance(3_000)
    await until(() => tab.streamId === newer, 'the follower to find it')
  })

  it('rule 11: a ping that comes during a read of the row means that it is read again', async () => {
    const first = await openReading()
    const { tab } = await openFollower()
    const reads = (): number => store.calls.filter((call) => call === 'row').length
    const before = reads()
    const answer = store.hold('row', 'after')
    world.upstream.cut()
    await until(() => reads() > before && first.status === 'reconnecting', 'the follower to read of the cut')
    await settle()
    // Its owner is connected again before that answer comes.
    world.clock.advance(2_000)
    await until(() => first.status === 'streaming', 'the owner')
    answer()
    await settle()
    expect(tab.status).toBe('streaming')
  })
})

describe('streams that nobody reads', () => {
  /** A stream in a channel whose newest stream is another one. */
  const startTwo = async (): Promise<string> => {
    const tab = world.openTab().channel('build')
    const older = await tab.open({ url: '/older' })
    await tab.open({ url: '/log' })
    await until(() => world.upstream.sockets.size === 2)
    return older
  }

  it('rule 11: are taken over from a hub that died, by one that no ping told of them', async () => {
    await world.startHub()
    const survivor = world.hub
    world.pingsLost = true
    const owner = await world.startHub()
    const older = await startTwo()
    expect(survivor.inMemory).toBe(0)
    world.killHub(owner)
    await until(() => survivor.tabs.size > 0, 'the tab to come over')
    world.upstream.end()
    await settle()
    world.clock.advance(3_000)
    await until(async () => (await store.row(older))?.ending?.kind === 'done', 'the stream that nobody reads')
  })

  it('rule 11: are taken over, without waiting, by a hub that heard of them while it read what there is', async () => {
    await world.startHub()
    const owner = world.hub
    const { channel, connection } = world.openTab()
    await connection.connected()
    await settle()
    const read = store.hold('rows', 'after')
    await world.startHub()
    await settle()
    const tab = channel('build')
    const older = await tab.open({ url: '/older' })
    await tab.open({ url: '/log' })
    await until(() => world.upstream.sockets.size === 2)
    store.pass('rows', 'after')
    read()
    await settle()
    world.killHub(owner)
    world.upstream.end()
    await until(async () => (await store.row(older))?.ending?.kind === 'done', 'the stream that nobody reads')
  })

  it('rule 11: are taken over by a hub whose store could not list them when it started', async () => {
    const owner = await world.startHub()
    const older = await startTwo()
    world.killHub(owner)
    store.failing.add('rows')
    const { tabs } = await world.startHub()
    await until(() => tabs.size > 0, 'the tab to come over')
    await settle()
    // Nor when it was time to look again.
    world.clock.advance(3_000)
    await settle()
    store.failing.clear()
    world.upstream.end()
    world.clock.advance(3_000)
    await until(async () => (await store.row(older))?.ending?.kind === 'done', 'the stream that nobody reads')
  })
})

describe('verbs', () => {
  it('rule 12: an intent that no ping told of is obeyed by the owner, also after the hub that took it in has died', async () => {
    const first = await openReading()
    const { tab, page, follower } = await openFollower()
    world.pingsLost = true
    tab.stop().catch(() => undefined)
    await until(async () => (await store.rows())[0]?.intent?.kind === 'stop', 'the intent')
    // The tab goes too: nobody is left to send the verb again.
    page.close()
    world.killHub(follower)
    await settle()
    expect(first.status).toBe('streaming')
    world.clock.advance(3_000)
    await until(() => first.status === 'stopped', 'the owner to obey')
    expect(world.upstream.sockets.size).toBe(0)
  })

  it('rule 12: an append tells the owner of an intent, and is refused', async () => {
    const first = await openReading()
    const { tab } = await openFollower()
    world.pingsLost = true
    const stopping = tab.stop()
    await until(async () => (await store.rows())[0]?.intent?.kind === 'stop', 'the intent')
    world.upstream.release('b')
    await until(() => first.status === 'stopped', 'the owner')
    expect(first.text).toBe('a')
    world.clock.advance(3_000)
    await stopping
  })

  it('rule 12: a request is not sent once an intent is there, though no ping told its owner', async () => {
    const { other, commit } = await aboutToSend()
    world.pingsLost = true
    const stopping = other.stop()
    await until(async () => (await store.rows())[0]?.intent?.kind === 'stop', 'the intent')
    commit()
    await until(async () => (await store.rows())[0]?.status === 'stopped', 'the owner to obey')
    expect((await store.rows())[0]?.sent).toBe(false)
    expect(world.upstream.requests).toHaveLength(0)
    world.clock.advance(3_000)
    await stopping
  })

  it('rule 12: a cancel is carried out by whoever takes over, and the producer is told', async () => {
    const first = await openReading({ cancel: '/cancel' })
    const { tab, owner } = await openFollower()
    const commit = store.hold('commit', 'after')
    void first.cancel().catch(() => undefined)
    await until(async () => (await store.rows())[0]?.intent?.kind === 'cancel', 'the intent')
    world.killHub(owner)
    store.pass('commit', 'after')
    commit()
    await until(() => tab.ending?.kind === 'cancelled', 'the cancel')
    expect(world.cancelled).toEqual(['http://upstream.test/cancel'])
  })

  it('rule 13: a stop that is sent again does not undo the resume that came between', async () => {
    const tab = await openReading()
    const streamId = tab.streamId as string
    const { connection } = world.openTab()
    const stop = { verbId: 'stop-1', kind: 'stop', streamId } as const
    await connection.call((hub) => hub.verb(stop))
    await tab.resume()
    await until(() => tab.status === 'streaming')
    await connection.call((hub) => hub.verb(stop))
    await settle()
    expect(tab.status).toBe('streaming')
    world.upstream.release('b')
    await until(() => tab.text === 'ab')
  })

  it('rule 13: a verb is sent again under the id that it had', async () => {
    const page = new Page()
    const { hub: dying } = page
    const view = new View(page.connection, 'c', 's')
    dying.started = () => new Promise(() => undefined)
    const stopping = view.stop()
    await until(() => dying.calls.some((call) => call.startsWith('stop ')), 'the verb')
    const next = new ScriptedHub('next')
    await page.replaceHub(next)
    await stopping
    const stops = ({ calls }: ScriptedHub): string[] => calls.filter((call) => call.startsWith('stop '))
    expect(stops(next)).toEqual(stops(dying))
    page.close()
  })
})
