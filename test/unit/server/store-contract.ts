import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAX_APPEND_MESSAGES } from '../../../src/server/limits.ts'
import type {
  AppendRequest,
  StreamChange,
  StreamInfo,
  StreamName,
  StreamStore,
} from '../../../src/server/stream-store.ts'
import { fuzzTimeout } from '../../support/fuzz-budget.ts'
import { runRandomOperations } from './store-random.ts'

const RANDOM_RUNS = 40

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const say = (text: string, more: Partial<AppendRequest> = {}): AppendRequest => ({
  contentType: 'text/plain',
  records: text === '' ? [] : [bytes(text)],
  ...more,
})

export interface Opened {
  store: StreamStore
  /** Moves the store's clock. */
  advance(ms: number): void
  dispose(): Promise<void>
}

/** The contract of `StreamStore`, for any implementation. */
export function runStoreContract(label: string, open: () => Promise<Opened>): void {
  describe(`${label} as a stream store`, () => {
    let opened: Opened
    let store: StreamStore
    const name = { channel: 'build', run: '1' }
    const create = (run = '1', contentType = 'text/plain', channel = 'build') =>
      store.create({ channel, run }, { contentType })

    beforeEach(async () => {
      opened = await open()
      store = opened.store
    })
    afterEach(async () => {
      await store.close()
      await opened.dispose()
    })

    async function content(run = '1', from: 'start' | 'tail' = 'start'): Promise<string> {
      const page = await store.read({ channel: 'build', run }, from, 1e6)
      if (page.kind !== 'page') return page.kind
      return page.records.map((record) => new TextDecoder().decode(record)).join('|')
    }

    it('reads what was appended, in order, from every place that it gave', async () => {
      await create()
      const places = []
      for (const text of ['a', 'bb', 'ccc']) {
        const result = await store.append(name, say(text))
        if (result.kind === 'appended') places.push(result.info.tail)
      }
      expect(places.map((place) => place.byte)).toEqual([1, 3, 6])
      const [first] = places
      const page = first && (await store.read(name, first, 1e6))
      expect(page?.kind === 'page' && page.records.map((record) => new TextDecoder().decode(record))).toEqual([
        'bb',
        'ccc',
      ])
      expect(await content()).toBe('a|bb|ccc')
    })

    it('cuts a page at the size asked for, but gives one larger record alone', async () => {
      await create()
      await store.append(name, say('', { records: [bytes('aaaa'), bytes('bb'), bytes('cc')] }))
      const sizes = async (max: number): Promise<number[]> => {
        const page = await store.read(name, 'start', max)
        return page.kind === 'page' ? page.records.map((record) => record.byteLength) : []
      }
      expect(await sizes(1)).toEqual([4])
      expect(await sizes(6)).toEqual([4, 2])
      expect(await sizes(7)).toEqual([4, 2])
    })

    it('takes appends of as many records as a request may bring, several at once', async () => {
      await create()
      const records = Array.from({ length: MAX_APPEND_MESSAGES }, (_, i) => bytes(String(i % 10)))
      const results = await Promise.all([1, 2].map(() => store.append(name, say('', { records }))))
      expect(results.map(({ kind }) => kind)).toEqual(['appended', 'appended'])
      const info = await store.info(name)
      const count = 2 * MAX_APPEND_MESSAGES
      expect(typeof info !== 'string' && info.tail).toEqual({ record: count, byte: count })
      const last = await store.read(name, { record: count - 3, byte: count - 3 }, 10)
      expect(last.kind === 'page' && last.records).toEqual([bytes('7'), bytes('8'), bytes('9')])
    }, 20_000)

    it('says of a lease when its producer was heard last, and ends the stream only if it was not heard since', async () => {
      const info = async (): Promise<StreamInfo | undefined> => (await store.unfinishedRuns())[0]
      await store.create(name, { contentType: 'text/plain', leaseSeconds: 100 })
      const created = (await info())?.lease
      expect(created?.seconds).toBe(100)
      opened.advance(10_000)
      await store.append(name, say('a'))
      const appended = (await info())?.lease
      expect(appended?.at).toBe((created?.at ?? 0) + 10_000)
      opened.advance(10_000)
      expect(await store.renewLease(name)).toMatchObject({ lease: { at: (appended?.at ?? 0) + 10_000 }, ending: null })
      expect(await store.endUnrenewed(name, appended?.at ?? 0), 'was heard since').toBe(false)
      const heard: StreamChange['kind'][] = []
      store.watch(name, (change) => change && heard.push(change.kind))
      const at = (await info())?.lease?.at ?? 0
      const ended = await Promise.all([store.endUnrenewed(name, at), store.endUnrenewed(name, at)])
      expect(ended.filter(Boolean), 'once').toHaveLength(1)
      expect(heard).toEqual(['ended'])
      expect(await info()).toBeUndefined()
      expect(await store.renewLease(name)).toMatchObject({ ending: { kind: 'error', code: 'producer-lost' } })
      expect((await store.append(name, say('late'))).kind).toBe('closed')
      expect(await content()).toBe('a')
    })

    it('refuses a place that is not one of the stream, that of its predecessor of the same name included', async () => {
      await create()
      const old = await store.append(name, say('old text'))
      await store.remove(name)
      await create()
      await store.append(name, say('new'))
      await store.append(name, say('newer'))
      const place = old.kind === 'appended' ? old.info.tail : 'start'
      expect((await store.read(name, place, 1)).kind).toBe('bad-place')
      expect((await store.read(name, { record: 99, byte: 8 }, 1)).kind).toBe('bad-place')
    })

    it('keeps one of many that create the same stream at once', async () => {
      const results = await Promise.all(Array.from({ length: 8 }, () => create()))
      expect(results.map((result) => result.kind).sort()).toEqual(['created', ...Array<string>(7).fill('exists')])
      expect((await create('1', 'text/html')).kind).toBe('conflict')
    })

    it('applies a producer’s request once, whatever the order of its repetitions', async () => {
      await create()
      const send = (epoch: number, seq: number, text: string) =>
        store.append(name, say(text, { producer: { id: 'p', epoch, seq } }))
      const kinds = []
      for (const [epoch, seq] of [
        [0, 0],
        [0, 1],
        [0, 0],
        [0, 1],
        [0, 3],
        [1, 1],
        [1, 0],
        [0, 2],
        [1, 0],
      ] as const) {
        kinds.push((await send(epoch, seq, `${epoch}.${seq}`)).kind)
      }
      expect(kinds).toEqual([
        'appended', 'appended', 'duplicate', 'duplicate', 'seq-gap', 'bad-epoch-start', 'appended', 'stale-epoch', 'duplicate',
      ]) // prettier-ignore
      expect(await content()).toBe('0.0|0.1|1.0')
    })

    it('keeps a producer’s order when its requests are sent without waiting', async () => {
      await create()
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, seq) =>
          store.append(name, say(`${seq}`, { producer: { id: 'p', epoch: 0, seq } })),
        ),
      )
      expect(results.every((result) => result.kind === 'appended')).toBe(true)
      expect(await content()).toBe(Array.from({ length: 50 }, (_, seq) => seq).join('|'))
    })

    it('ends once: the first ending counts, nothing is appended after it, and the closing request is known again', async () => {
      await create()
      const closing = say('end', {
        ending: { kind: 'error', code: 'exit-status', exitCode: 2 },
        producer: { id: 'p', epoch: 0, seq: 0 },
      })
      expect((await store.append(name, closing)).kind).toBe('appended')
      expect((await store.append(name, closing)).kind).toBe('duplicate')
      expect((await store.append(name, say('more'))).kind).toBe('closed')
      expect((await store.append(name, say('', { contentType: null, ending: { kind: 'done' } }))).kind).toBe(
        'duplicate',
      )
      const info = await store.info(name)
      expect(typeof info === 'string' ? info : info.ending).toEqual({ kind: 'error', code: 'exit-status', exitCode: 2 })
      expect(await content()).toBe('end')
    })

    it('changes nothing when it refuses', async () => {
      await create()
      await store.append(name, say('a', { streamSeq: 'b' }))
      expect((await store.append(name, say('x', { streamSeq: 'a' }))).kind).toBe('stream-seq')
      expect((await store.append(name, say('x', { contentType: 'text/html' }))).kind).toBe('wrong-type')
      expect((await store.append(name, say('x', { writer: 'me' }))).kind).toBe('not-yours')
      expect((await store.append(name, say('x', { producer: { id: 'p', epoch: 0, seq: 1 } }))).kind).toBe('seq-gap')
      expect(await content()).toBe('a')
      expect((await store.append(name, say('b', { producer: { id: 'p', epoch: 0, seq: 0 } }))).kind).toBe('appended')
    })

    it('lists channels and runs newest first, and runs of the server that are open', async () => {
      await create('1')
      await create('1', 'text/plain', 'other')
      await create('2')
      await store.create({ channel: '', run: 'alone' }, { contentType: 'text/plain' })
      await store.create({ channel: 'chat', run: 'r' }, { contentType: 'application/json', writer: 'process-1' })
      const channels = await store.channels()
      expect(channels.map(({ channel, newest, runs }) => [channel, newest.name.run, runs])).toEqual([
        ['chat', 'r', 1],
        ['build', '2', 2],
        ['other', '1', 1],
      ])
      expect((await store.runs('build')).map((info) => info.name.run)).toEqual(['2', '1'])
      expect(await store.runs('buil')).toEqual([])
      expect((await store.unfinishedRuns()).map((info) => info.name.channel)).toEqual(['chat'])
    })

    it('lists what is unfinished: what began, was not ended and not removed, each time it is asked', async () => {
      const unfinished = async (): Promise<string[]> =>
        (await store.unfinishedRuns()).map((info) => info.name.run).sort()
      const start = (run: string): Promise<unknown> =>
        store.create({ channel: 'chat', run }, { contentType: 'text/plain', writer: 'process-1' })
      expect(await unfinished()).toEqual([])
      for (const run of ['a', 'b', 'c']) await start(run)
      await store.create({ channel: 'chat', run: 'no writer' }, { contentType: 'text/plain' })
      expect(await unfinished()).toEqual(['a', 'b', 'c'])
      const end = (run: string): Promise<unknown> =>
        store.append({ channel: 'chat', run }, say('', { writer: 'process-1', ending: { kind: 'done' } }))
      await end('a')
      await store.remove({ channel: 'chat', run: 'b' })
      await start('d')
      expect(await unfinished()).toEqual(['c', 'd'])
      // Under a name that was unfinished before.
      await start('b')
      await end('c')
      expect(await unfinished()).toEqual(['b', 'd'])
    })

    it('knows the longest and the strangest names', async () => {
      const names = ['\u{10ffff}', '\uffff', '字'.repeat(256), '😀'.repeat(128), ' ', '..', 'a/b', '"']
      for (const channel of names) for (const run of names) await create(run, 'text/plain', channel)
      for (const channel of names) {
        const producer = { id: '\u00ff'.repeat(512), epoch: 0, seq: 0 }
        expect((await store.append({ channel, run: names[2] ?? '' }, say('x', { producer }))).kind).toBe('appended')
        expect((await store.runs(channel)).map((info) => info.name.run)).toEqual([...names].reverse())
      }
      for (const channel of names) for (const run of names) await store.remove({ channel, run })
      expect(await store.channels()).toEqual([])
    })

    it('calls listeners after the commit, until they leave', async () => {
      const seen: string[] = []
      const note = (change: StreamChange | null): void => {
        if (change !== null) seen.push(`${change.kind} ${change.name.run}`)
      }
      const leaveAll = store.watchAll(note)
      await create()
      let inListener = ''
      const leave = store.watch(name, () => {
        void content().then((text) => {
          inListener = text
        })
      })
      await store.append(name, say('a'))
      expect(await content()).toBe('a')
      expect(inListener).toBe('a')
      leave()
      await store.append(name, say('b', { ending: { kind: 'done' } }))
      await store.remove(name)
      leaveAll()
      await create()
      expect(seen).toEqual(['created 1', 'grown 1', 'ended 1', 'removed 1'])
      expect(inListener).toBe('a')
    })

    it('forgets an expired stream at once, and deletes it when it sweeps', async () => {
      await store.create(name, { contentType: 'text/plain', ttlSeconds: 10 })
      await store.create({ channel: 'chat', run: 'r' }, { contentType: 'application/json', expiresAt: 1, writer: 'w' })
      opened.advance(6000)
      expect(await content()).toBe('')
      opened.advance(6000)
      expect(await content()).toBe('')
      opened.advance(10_000)
      expect(await content()).toBe('missing')
      expect(await store.channels()).toEqual([])
      expect(await store.sweep()).toBe(2)
      expect(await store.sweep()).toBe(0)
      expect(await store.wasRun({ channel: 'chat', run: 'r' })).toBe(true)
      expect(await store.wasRun(name)).toBe(false)
    })

    it('remembers a deleted run for a week, from its last deletion on', async () => {
      const run = { channel: 'chat', run: 'r' }
      const other = { channel: 'chat', run: 'other' }
      const days = (count: number): void => opened.advance(count * 24 * 3600 * 1000)
      const once = async (each: StreamName): Promise<void> => {
        await store.create(each, { contentType: 'text/plain', writer: 'w' })
        await store.remove(each)
      }
      const remembered = async (): Promise<boolean[]> => [await store.wasRun(run), await store.wasRun(other)]
      await once(run)
      days(4)
      await once(run)
      days(4)
      // Takes the first deletion of `run` away, and leaves the second.
      await once(other)
      expect(await remembered()).toEqual([true, true])
      days(4)
      expect(await remembered()).toEqual([false, true])
      await once(other)
      days(8)
      expect(await remembered()).toEqual([false, false])
    })

    it('lets no sliding time run out over a stream whose writer is silent', async () => {
      await store.create(name, { contentType: 'text/plain', ttlSeconds: 10, writer: 'w' })
      opened.advance(60_000)
      await store.append(name, say('late', { writer: 'w', ending: { kind: 'done' } }))
      expect(await content()).toBe('late')
      opened.advance(60_000)
      expect(await content()).toBe('missing')
    })

    it('keeps a deleted stream for its forks, and lets go with the last of them', async () => {
      await create()
      await store.append(name, say('shared'))
      const fork = { from: name, place: null, sub: 0 }
      await store.create(
        { channel: 'build', run: 'fork' },
        { contentType: 'text/plain', fork, records: [bytes('own')] },
      )
      expect(await store.remove(name)).toBe('removed')
      expect(await content()).toBe('gone')
      expect((await create()).kind).toBe('conflict')
      expect(await content('fork')).toBe('shared|own')
      await store.remove({ channel: 'build', run: 'fork' })
      expect(await content()).toBe('missing')
      expect((await create()).kind).toBe('created')
      expect(await content()).toBe('')
    })

    it(
      'does what a model of it does, whatever is asked in whatever order',
      () => runRandomOperations(store, (ms) => opened.advance(ms), RANDOM_RUNS),
      fuzzTimeout(RANDOM_RUNS),
    )

    it('answers every call with a rejection once it is closed', async () => {
      await store.close()
      await expect(create()).rejects.toThrow('closed')
      await expect(store.info(name)).rejects.toThrow('closed')
    })
  })
}
