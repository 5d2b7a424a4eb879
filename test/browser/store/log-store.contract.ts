import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PackedChunks } from '../../../src/protocol/packed-chunks.ts'
import { joinPacks, packChunks } from '../../../src/protocol/packed-chunks.ts'
import type { LogStore, RowChange } from '../../../src/store/log-store.ts'
import { append, chunksOf, lines, newRow, seqsFrom, sourceOf, write } from './sample-rows.ts'

/** One fresh medium under test. */
export interface Medium {
  /** Another instance on the same data, as another hub of the origin has it. */
  open(): Promise<LogStore>
  remove(): Promise<void>
}

const seqs = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

const packed = (seq: number): PackedChunks => joinPacks(packChunks(lines(seq, 1), seq) as [PackedChunks])

/** What every {@link LogStore} must do, whatever it keeps its data in. */
export function runLogStoreContract(name: string, create: () => Promise<Medium>): void {
  describe(`${name} keeps the contract of LogStore`, () => {
    let medium: Medium
    let store: LogStore
    let other: LogStore

    beforeEach(async () => {
      medium = await create()
      store = await medium.open()
      other = await medium.open()
    })

    afterEach(async () => {
      store.close()
      other.close()
      await medium.remove()
    })

    describe('commit', () => {
      test('stores row and chunks, for other instances too', async () => {
        const [result] = await store.commit([append('a', lines(1, 3))])
        expect(result).toMatchObject({ applied: true, row: { streamId: 'a', seq: 3 } })
        expect(await other.row('a')).toMatchObject({ seq: 3, version: 2 })
        expect(chunksOf(await other.readLog('a', 1))).toMatchObject([
          { seq: 1, data: '1 ' },
          { seq: 2, data: '2 ' },
          { seq: 3, data: '3 ' },
        ])
      })

      test('keeps bytes, events, ids and times as they were', async () => {
        const chunks = [
          { time: 5, data: 'text', event: 'note', id: '7' },
          { time: 6, data: new Uint8Array([0, 255, 10]) },
          { time: 7, data: '' },
        ]
        await store.commit([append('a', chunks)])
        expect(chunksOf(await other.readLog('a', 1))).toEqual(chunks.map((chunk, i) => ({ seq: i + 1, ...chunk })))
      })

      test.each([
        ['of ASCII', (seq: number) => `line ${seq} `],
        ['of all alphabets', (seq: number) => `\uFEFF行 ${seq} ✓ 🙂 `],
        [
          'with characters that two chunks share',
          (seq: number) => (seq % 2 === 1 ? `${seq} \uD83D` : `\uDE42 ${seq} `),
        ],
      ])('keeps much text %s, written at once or joined later, and reads on in the middle of it', async (_, text) => {
        const chunks = seqs(1, 6_000).map((seq) => ({ time: seq, data: text(seq) }))
        const all = chunks.map((chunk, i) => ({ seq: i + 1, ...chunk }))
        await store.commit([append('once', chunks)])
        for (let at = 0; at < chunks.length; at += 60) await store.commit([append('often', chunks.slice(at, at + 60))])
        for (const joined of [false, true]) {
          for (const id of ['once', 'often']) {
            if (joined) await store.compact(id)
            const limits = { maxChunks: 10_000, maxSize: 1024 * 1024 }
            expect(chunksOf(await other.readLog(id, 1, limits))).toEqual(all)
            expect(chunksOf(await other.readLog(id, 2_346, limits))).toEqual(all.slice(2_345))
            expect(chunksOf(await other.readLog(id, 77, { maxChunks: 3 }))).toEqual(all.slice(76, 79))
          }
        }
      })

      test('keeps source and meta through every append, and shows them in every way to read a row', async () => {
        const unchanging = { source: sourceOf(new Uint8Array([1, 2])), meta: { question: 'why?' } }
        await store.openChannel('build', () => [newRow('a', unchanging)])
        await store.commit([append('a', lines(1, 2))])
        let decided: unknown
        const [result] = await other.commit([
          {
            streamId: 'a',
            decide: (row) => {
              decided = row
              return append('a', lines(3, 2)).decide(row)
            },
          },
        ])
        let opened: unknown
        await other.openChannel('build', ([row]) => {
          opened = row
          return []
        })
        for (const instance of [store, other]) {
          expect(await instance.row('a')).toMatchObject({ seq: 4, ...unchanging })
          expect(await instance.rows()).toMatchObject([{ seq: 4, ...unchanging }])
          expect((await instance.readLog('a', 1))?.row).toMatchObject({ seq: 4, ...unchanging })
        }
        expect(decided).toMatchObject({ seq: 2, ...unchanging })
        expect(result?.row).toMatchObject({ seq: 4, ...unchanging })
        expect(opened).toMatchObject({ seq: 4, ...unchanging })
      })

      test('shows source and meta of the stream that is there, also where another instance put it in place of one of its id', async () => {
        await store.commit([write('a', [], 0, { source: sourceOf('first'), meta: 1 })])
        await other.remove(['a'])
        await other.commit([write('a', [], 0, { source: sourceOf('second') })])
        const [result] = await store.commit([append('a', lines(1, 1))])
        expect(result?.row?.source?.body).toBe('second')
        expect(result?.row).not.toHaveProperty('meta')
        expect(await store.row('a')).toMatchObject({ seq: 1, source: { body: 'second' } })
        expect((await other.readLog('a', 1))?.row).toMatchObject({ seq: 1, source: { body: 'second' } })
      })

      test('stores a source or meta that a change did change', async () => {
        await store.commit([write('a', [], 0, { source: sourceOf('first'), meta: 1 })])
        await other.row('a')
        await store.commit([write('a', [], 0, { meta: 2 })])
        expect(await other.row('a')).toMatchObject({ source: { body: 'first' }, meta: 2 })
        await other.commit([write('a', [], 0, { source: null })])
        expect(await store.row('a')).toMatchObject({ source: null, meta: 2 })
      })

      test('decides in order: a later change of the same stream sees what an earlier one made', async () => {
        const results = await store.commit([
          append('a', lines(1, 2)),
          append('b', lines(1, 1)),
          append('a', lines(3, 2)),
        ])
        expect(results.map(({ row }) => row?.seq)).toEqual([4, 1, 4])
        expect(chunksOf(await store.readLog('a', 1)).map(({ data }) => data)).toEqual(['1 ', '2 ', '3 ', '4 '])
      })

      test('leaves everything as it is where a change decides for null', async () => {
        await store.commit([append('a', lines(1, 2))])
        const [result] = await store.commit([{ streamId: 'a', decide: () => null }])
        expect(result).toMatchObject({ applied: false, row: { seq: 2, version: 2 } })
        expect(await store.commit([{ streamId: 'none', decide: () => null }])).toMatchObject([
          { row: undefined, applied: false },
        ])
        expect(await store.row('none')).toBeUndefined()
      })

      test('refuses the writer of an older epoch, inside the transaction', async () => {
        await store.commit([append('a', lines(1, 1))])
        // Whichever of the two comes first.
        const takeOver: RowChange = { streamId: 'a', decide: (row = newRow('a')) => ({ row: { ...row, epoch: 2 } }) }
        const [, late] = await Promise.all([
          other.commit([takeOver]),
          store.commit([append('a', lines(2, 1), { onlyEpoch: 1 })]),
        ])
        const again = await store.commit([append('a', lines(2, 1), { onlyEpoch: 1 })])
        expect(again[0]?.applied).toBe(false)
        expect((await store.row('a'))?.seq).toBe(late[0]?.applied === true ? 2 : 1)
      })

      test.each([
        ['a hole before the first chunk', write('a', packChunks(lines(5, 2), 5), 6)],
        ['a seq that is there already', write('a', packChunks(lines(3, 2), 3), 4)],
        ['a row that says less than its chunks', write('a', packChunks(lines(4, 2), 4), 4)],
        ['a row that says more than its chunks', write('a', packChunks(lines(4, 2), 4), 6)],
        ['a hole between packs', write('a', [...packChunks(lines(4, 1), 4), ...packChunks(lines(6, 1), 6)], 6)],
        ['a pack whose parts do not fit', write('a', [{ ...packed(4), times: new Float64Array(0) }], 4)],
        ['a row of another stream', { streamId: 'a', decide: () => ({ row: newRow('b') }) }],
      ])('refuses %s, and writes nothing of the whole transaction', async (_, bad) => {
        await store.commit([append('a', lines(1, 3))])
        await expect(store.commit([append('b', lines(1, 1)), bad])).rejects.toMatchObject({ code: 'store' })
        expect(await store.row('b')).toBeUndefined()
        expect(await seqsFrom((from) => other.readLog('a', from), 1)).toEqual([1, 2, 3])
        await store.commit([append('a', lines(4, 1))])
        expect((await store.row('a'))?.seq).toBe(4)
      })

      test('accepts a hole that the row declares as a gap', async () => {
        await store.commit([append('a', lines(1, 3))])
        const gaps = [{ fromSeq: 4, toSeq: 6, reason: 'upstream-changed' as const }]
        await store.commit([write('a', packChunks(lines(7, 1), 7), 7, { gaps })])
        const read = await store.readLog('a', 1)
        expect(chunksOf(read).map(({ seq }) => seq)).toEqual([1, 2, 3, 7])
        expect(read?.toSeq).toBe(8)
      })

      test('passes on what decide throws, and goes on', async () => {
        const broken = {
          streamId: 'a',
          decide: () => {
            throw new RangeError('a bug of the caller')
          },
        }
        await expect(store.commit([append('b', lines(1, 1)), broken])).rejects.toThrow(/a bug of the caller/)
        expect(await store.row('b')).toBeUndefined()
        await store.commit([append('a', lines(1, 1))])
        expect((await store.row('a'))?.seq).toBe(1)
      })

      test('keeps the log contiguous while two instances append at once', async () => {
        const both = [store, other].flatMap((instance) =>
          Array.from({ length: 20 }, (_, i) =>
            instance.commit([
              append(
                'a',
                Array.from({ length: 1 + (i % 3) }, () => ({ time: 1, data: 'x' })),
              ),
            ]),
          ),
        )
        const results = (await Promise.all(both)).flat()
        const total = results.reduce((max, { row }) => Math.max(max, row?.seq ?? 0), 0)
        expect((await store.row('a'))?.seq).toBe(total)
        expect(await seqsFrom((from) => store.readLog('a', from), 1)).toEqual(seqs(1, total))
      })
    })

    describe('readLog', () => {
      test('answers undefined for a stream that is not there', async () => {
        expect(await store.readLog('none', 1)).toBeUndefined()
        expect(await store.row('none')).toBeUndefined()
      })

      test('starts anywhere within a segment', async () => {
        await store.commit([append('a', lines(1, 10))])
        await store.commit([append('a', lines(11, 10))])
        for (const from of [1, 2, 10, 11, 15, 20]) {
          const read = await store.readLog('a', from)
          expect(chunksOf(read).map(({ seq }) => seq)).toEqual(seqs(from, 20))
          expect(read?.toSeq).toBe(21)
        }
      })

      test('has nothing at and behind the end, and says where it stands', async () => {
        await store.commit([append('a', lines(1, 3))])
        expect(await store.readLog('a', 4)).toMatchObject({ packs: [], toSeq: 4 })
        expect(await store.readLog('a', 9)).toMatchObject({ packs: [], toSeq: 9 })
        await store.commit([write('new', [], 0)])
        expect(await store.readLog('new', 1)).toMatchObject({ packs: [], toSeq: 1, row: { seq: 0 } })
      })

      test('keeps to its limits, and has at least one chunk', async () => {
        for (let i = 0; i < 30; i++) await store.commit([append('a', lines(1 + i * 7, 7))])
        const few = await store.readLog('a', 4, { maxChunks: 20 })
        expect(few?.toSeq).toBeLessThanOrEqual(24)
        expect(few?.toSeq).toBeGreaterThanOrEqual(14)
        const small = await store.readLog('a', 1, { maxSize: 1 })
        expect(chunksOf(small)).toMatchObject([{ seq: 1 }])
        expect(await seqsFrom((from) => store.readLog('a', from, { maxChunks: 11 }), 1)).toEqual(seqs(1, 210))
        expect(await seqsFrom((from) => store.readLog('a', from, { maxSize: 25 }), 1)).toEqual(seqs(1, 210))
      })

      test('gives a chunk above the limit a read of its own', async () => {
        const large = 'x'.repeat(1000)
        await store.commit([append('a', [...lines(1, 2), { time: 3, data: large }, ...lines(4, 1)])])
        const limits = { maxSize: 100 }
        expect(chunksOf(await store.readLog('a', 1, limits)).map(({ seq }) => seq)).toEqual([1, 2])
        expect(chunksOf(await store.readLog('a', 3, limits)).map(({ data }) => data)).toEqual([large])
        await store.commit([append('a', [{ time: 5, data: large }])])
        expect(chunksOf(await store.readLog('a', 4, limits)).map(({ seq }) => seq)).toEqual([4])
        expect(chunksOf(await store.readLog('a', 5, limits)).map(({ data }) => data)).toEqual([large])
      })

      test('reads row and chunks of one moment while another instance appends', async () => {
        await store.commit([append('a', lines(1, 1))])
        let writing = true
        const writer = (async () => {
          for (let i = 0; i < 30; i++) await other.commit([append('a', lines(2 + i * 2, 2))])
        })().finally(() => {
          writing = false
        })
        while (writing) {
          const read = await store.readLog('a', 1)
          expect(chunksOf(read).map(({ seq }) => seq)).toEqual(seqs(1, read?.row.seq ?? -1))
          expect(read?.toSeq).toBe((read?.row.seq ?? -1) + 1)
        }
        await writer
      })
    })

    describe('compact', () => {
      test('changes nothing that a reader can see', async () => {
        for (let i = 0; i < 200; i++) await store.commit([append('a', lines(1 + i * 3, 3))])
        await store.commit([append('b', lines(1, 1))])
        const before = chunksOf(await store.readLog('a', 1))
        await store.compact('a')
        await other.compact('a')
        expect(chunksOf(await other.readLog('a', 1))).toEqual(before)
        await store.commit([append('a', lines(601, 2))])
        await store.compact('a')
        expect(await seqsFrom((from) => other.readLog('a', from, { maxChunks: 50 }), 1)).toEqual(seqs(1, 602))
        expect(await seqsFrom((from) => other.readLog('b', from), 1)).toEqual([1])
      })

      test('leaves large records, in place of many small ones', async () => {
        for (let i = 0; i < 100; i++) await store.commit([append('a', lines(1 + i * 3, 3))])
        expect((await store.readLog('a', 1))?.packs.length).toBe(100)
        await store.compact('a')
        expect((await store.readLog('a', 1))?.packs.length).toBe(1)
      })

      test('keeps text and bytes apart', async () => {
        await store.commit([append('a', lines(1, 2))])
        await store.commit([append('a', [{ time: 3, data: new Uint8Array([1]) }])])
        await store.commit([append('a', lines(4, 1))])
        await store.compact('a')
        expect(chunksOf(await store.readLog('a', 1)).map(({ data }) => typeof data)).toEqual([
          'string',
          'string',
          'object',
          'string',
        ])
      })

      test('goes on beside a writer, and does nothing for a stream that is gone', async () => {
        const work: Promise<unknown>[] = []
        for (let i = 0; i < 40; i++) {
          work.push(store.commit([append('a', lines(1 + i, 1))]))
          if (i % 8 === 0) work.push(other.compact('a'))
        }
        await Promise.all(work)
        expect(await seqsFrom((from) => store.readLog('a', from), 1)).toEqual(seqs(1, 40))
        await store.compact('none')
        expect(await store.row('none')).toBeUndefined()
      })
    })

    describe('prune', () => {
      const end = (streamId: string, seq: number, size: number): RowChange =>
        write(streamId, [], seq, { ending: { kind: 'done' }, size, version: 9 })

      test('drops the start of an ended stream, and leaves the rest as it was', async () => {
        for (let i = 0; i < 20; i++) await store.commit([append('a', lines(1 + i * 5, 5))])
        const all = chunksOf(await store.readLog('a', 1))
        const sizeFrom = (seq: number): number => all.slice(seq - 1).reduce((sum, { data }) => sum + data.length, 0)
        await store.commit([end('a', 100, sizeFrom(1))])
        const row = await other.prune('a', sizeFrom(63))
        expect(row).toMatchObject({ firstSeq: 63, seq: 100, size: sizeFrom(63), version: 10 })
        expect(await store.row('a')).toEqual(row)
        expect(chunksOf(await store.readLog('a', 1))).toEqual(all.slice(62))
        expect((await store.readLog('a', 1))?.toSeq).toBe(101)
        expect(chunksOf(await store.readLog('a', 80))).toEqual(all.slice(79))
        await store.compact('a')
        expect(chunksOf(await store.readLog('a', 1))).toEqual(all.slice(62))
        expect(await other.prune('a', sizeFrom(63))).toEqual(row)
      })

      test('keeps the last chunk, however large', async () => {
        await store.commit([append('a', [...lines(1, 3), { time: 1, data: 'x'.repeat(1_000) }])])
        await store.commit([end('a', 4, 1_006)])
        expect(await store.prune('a', 10)).toMatchObject({ firstSeq: 4, size: 1_000 })
        expect(chunksOf(await other.readLog('a', 1))).toMatchObject([{ seq: 4 }])
      })

      test('leaves a stream alone that has not ended, and one that is not there', async () => {
        await store.commit([append('a', lines(1, 9)), write('a', [], 9, { size: 18 })])
        expect(await store.prune('a', 1)).toMatchObject({ firstSeq: 1, size: 18 })
        expect(await seqsFrom((from) => store.readLog('a', from), 1)).toEqual(seqs(1, 9))
        expect(await store.prune('none', 1)).toBeUndefined()
      })
    })

    describe('openChannel', () => {
      test('makes one stream of two calls at once: the second sees what the first made', async () => {
        const open = (instance: LogStore, streamId: string): Promise<void> =>
          instance.openChannel('build', (rows) => (rows.length > 0 ? [] : [newRow(streamId)]))
        await Promise.all([open(store, 'a'), open(other, 'b'), open(store, 'c'), open(other, 'd')])
        expect(await store.rows('build')).toHaveLength(1)
      })

      test('sees the rows of its channel only, oldest first, and writes several', async () => {
        await store.commit([write('new', [], 0, { createdAt: 3 }), write('old', [], 0, { createdAt: 2 })])
        await store.commit([write('elsewhere', [], 0, { channel: 'build2', createdAt: 1 })])
        let seen: string[] = []
        await store.openChannel('build', (rows) => {
          seen = rows.map(({ streamId }) => streamId)
          return [
            ...rows.map((row) => ({ ...row, intent: { kind: 'cancel' as const } })),
            newRow('run', { createdAt: 4 }),
          ]
        })
        expect(seen).toEqual(['old', 'new'])
        expect((await other.rows('build')).map(({ streamId, intent }) => [streamId, intent?.kind])).toEqual([
          ['old', 'cancel'],
          ['new', 'cancel'],
          ['run', undefined],
        ])
      })

      test('refuses an id that a stream of another channel has, and changes nothing', async () => {
        await store.commit([append('a', lines(1, 1))])
        const taken = store.openChannel('elsewhere', () => [newRow('a', { channel: 'elsewhere' })])
        await expect(taken).rejects.toMatchObject({ code: 'bad-id' })
        expect(await store.row('a')).toMatchObject({ channel: 'build', seq: 1 })
      })

      test('refuses a row of another channel, and one that skips chunks', async () => {
        await expect(store.openChannel('build', () => [newRow('a', { channel: 'x' })])).rejects.toMatchObject({
          code: 'store',
        })
        await expect(store.openChannel('build', () => [newRow('a', { seq: 2 })])).rejects.toMatchObject({
          code: 'store',
        })
        expect(await store.rows()).toEqual([])
      })
    })

    describe('rows', () => {
      test('lists all streams or those of one channel, oldest first', async () => {
        await store.commit([
          write('b', [], 0, { createdAt: 2 }),
          write('a', [], 0, { createdAt: 2 }),
          write('c', [], 0, { createdAt: 1, channel: 'other' }),
        ])
        expect((await other.rows()).map(({ streamId }) => streamId)).toEqual(['c', 'a', 'b'])
        expect((await other.rows('build')).map(({ streamId }) => streamId)).toEqual(['a', 'b'])
        expect(await other.rows('none')).toEqual([])
      })
    })

    describe('newest', () => {
      test('is the last of the rows of a channel, whichever was written last', async () => {
        await store.commit([
          write('b', [], 0, { createdAt: 2, source: sourceOf('b') }),
          write('a', [], 0, { createdAt: 2 }),
          write('old', [], 0, { createdAt: 1 }),
          write('elsewhere', [], 0, { createdAt: 9, channel: 'build2' }),
        ])
        for (const instance of [other, store]) {
          expect(await instance.newest('build')).toEqual((await store.rows('build')).at(-1))
          expect(await instance.newest('build')).toMatchObject({ streamId: 'b', source: { body: 'b' } })
          expect(await instance.newest('buil')).toBeUndefined()
        }
        await other.remove(['b'])
        expect((await store.newest('build'))?.streamId).toBe('a')
        await store.commit([append('a', lines(1, 2))])
        expect((await other.newest('build'))?.seq).toBe(2)
      })
    })

    describe('remove and clear', () => {
      test('removes streams with their chunks, and leaves the others', async () => {
        await store.commit([append('a', lines(1, 2)), append('b', lines(1, 2)), append('c', lines(1, 2))])
        await other.remove(['a', 'c', 'none'])
        expect((await store.rows()).map(({ streamId }) => streamId)).toEqual(['b'])
        expect(await store.readLog('a', 1)).toBeUndefined()
        expect(chunksOf(await store.readLog('b', 1))).toHaveLength(2)
      })

      test('wins against a writer that is about to commit', async () => {
        await store.commit([append('a', lines(1, 2))])
        const removing = other.remove(['a'])
        const late = await removing.then(() =>
          store.commit([{ streamId: 'a', decide: (row) => (row === undefined ? null : { row }) }]),
        )
        expect(late).toMatchObject([{ row: undefined, applied: false }])
        expect(await store.rows()).toEqual([])
      })

      test.each(['remove', 'clear'] as const)(
        '%s wins against a writer whose transaction stands before or behind its own',
        async (verb) => {
          const writer = (streamId: string): RowChange => ({
            streamId,
            decide: (row) => (row === undefined ? null : append(streamId, lines(row.seq + 1, 1)).decide(row)),
          })
          const streamIds = ['a', 'b', 'c']
          await store.commit(streamIds.map((streamId) => append(streamId, lines(1, 2))))
          const writing = [
            store.commit([writer('a'), writer('b')]),
            verb === 'clear' ? other.clear() : other.remove(streamIds),
            store.commit([writer('b'), writer('c')]),
            other.commit([writer('c')]),
          ]
          await Promise.all(writing)
          expect(await store.rows()).toEqual([])
          for (const streamId of streamIds) expect(await other.readLog(streamId, 1)).toBeUndefined()
        },
      )

      test('leaves nothing of an old log to a new stream of the same id', async () => {
        await store.commit([append('a', lines(1, 9))])
        await store.remove(['a'])
        await store.commit([append('a', lines(1, 2))])
        expect(await seqsFrom((from) => store.readLog('a', from), 1)).toEqual([1, 2])
      })

      test('clears everything', async () => {
        await store.commit([append('a', lines(1, 2)), append('b', lines(1, 2))])
        await other.clear()
        expect(await store.rows()).toEqual([])
        expect(await store.readLog('a', 1)).toBeUndefined()
      })
    })

    test('refuses every call once it is closed', async () => {
      store.close()
      await expect(store.row('a')).rejects.toMatchObject({ code: 'closed' })
      await expect(store.commit([append('a', lines(1, 1))])).rejects.toMatchObject({ code: 'closed' })
    })
  })
}
