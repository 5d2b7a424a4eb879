import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogStore, StreamRow } from '../../../src/store/log-store.ts'
import { keysOfZero } from './format-zero.ts'
import { append, chunksOf, lines, newRow, seqsFrom } from './sample-rows.ts'
import { createTwoFormats, type TwoFormats } from './two-formats.ts'

const DONE: Partial<StreamRow> = { status: 'done', ending: { kind: 'done' } }

/** What a release owes to the data of the one before it, which may run beside it. */
export function runSuccessorContract(name: string): void {
  describe(`${name}: a new storage format reads the old`, () => {
    let formats: TwoFormats
    let store: LogStore
    let old: LogStore

    beforeEach(async () => {
      formats = await createTwoFormats()
      old = await formats.openOlder()
      store = await formats.open()
    })

    afterEach(async () => {
      store.close()
      old.close()
      await formats.remove()
    })

    /** A stream that the earlier release kept. */
    async function keep(streamId: string, count: number, more: Partial<StreamRow> = {}, chunks = lines(1, count)) {
      await old.openChannel('build', () => [newRow(streamId, { createdAt: 10 })])
      await old.commit([append(streamId, chunks)])
      await old.commit([
        { streamId, decide: (row = newRow(streamId)) => ({ row: { ...row, ...more, version: row.version + 1 } }) },
      ])
    }

    const seqsOf = (streamId: string, from = 1): Promise<number[]> =>
      seqsFrom((fromSeq) => store.readLog(streamId, fromSeq), from)
    const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

    it('lists what earlier releases kept, and copies nothing for that', async () => {
      await keep('a', 3, DONE)
      await store.openChannel('build', () => [newRow('b', { createdAt: 20 })])
      expect((await store.rows('build')).map(({ streamId }) => streamId)).toEqual(['a', 'b'])
      expect((await store.newest('build'))?.streamId).toBe('b')
      expect(await formats.newer.keys('streams')).toEqual(['b'])
      expect(await keysOfZero(formats.olderName), 'new streams are in the newer one').not.toContain('b')
    })

    it('copies a stream that has ended when its chunks are first read, and reads the copy from then on', async () => {
      await keep('a', 3, { ...DONE, meta: { asked: 'why' } })
      expect(await seqsOf('a')).toEqual(upTo(3))
      expect(await formats.newer.keys('streams')).toEqual(['a'])
      expect(chunksOf(await store.readLog('a', 2))).toEqual([
        { seq: 2, data: '2 ', time: 2 },
        { seq: 3, data: '3 ', time: 3 },
      ])
      expect(await store.row('a')).toMatchObject({ seq: 3, meta: { asked: 'why' }, ending: { kind: 'done' } })
      expect((await old.row('a'))?.seq, 'the original stays').toBe(3)
    })

    it('two hubs that copy at once, and one that dies in the middle of it, leave one whole copy', async () => {
      // One read brings two of them.
      const large = upTo(7).map((seq) => ({ time: seq, data: `${seq}`.repeat(250_000) }))
      await keep('a', 7, DONE, large)
      const other = await formats.open()
      const third = await formats.open()
      const reading = third.readLog('a', 1).catch(() => undefined)
      third.close()
      await Promise.all([seqsFrom((from) => other.readLog('a', from), 1), reading])
      expect(await seqsOf('a')).toEqual(upTo(7))
      other.close()
    })

    it('lets a live stream end where it began, for hubs of both releases', async () => {
      await keep('a', 2)
      const [first] = await store.commit([append('a', lines(3, 1), { onlyEpoch: 1 })])
      expect(first).toMatchObject({ applied: true, row: { seq: 3 } })
      expect(chunksOf(await old.readLog('a', 1))).toHaveLength(3)
      expect(await formats.newer.keys('streams'), 'nothing of it is copied').toEqual([])
      // A hub of the earlier release takes over: whoever has an older epoch is refused, in whatever release.
      await old.commit([
        { streamId: 'a', decide: (row = newRow('a')) => ({ row: { ...row, epoch: 2, version: row.version + 1 } }) },
      ])
      const [late] = await store.commit([append('a', lines(4, 1), { onlyEpoch: 1 })])
      expect(late).toMatchObject({ applied: false, row: { epoch: 2, seq: 3 } })
      await old.commit([append('a', lines(4, 1), { onlyEpoch: 2 })])
      expect(await seqsOf('a')).toEqual([1, 2, 3, 4])
    })

    it('a start in the newer release ends what is live in the older database, in the state that it has by then', async () => {
      await keep('a', 2)
      await store.openChannel('build', (rows) => [
        ...rows.map((row): StreamRow => ({ ...row, intent: { kind: 'cancel' }, version: row.version + 1 })),
        newRow('b', { createdAt: 20 }),
      ])
      expect(await old.row('a')).toMatchObject({ intent: { kind: 'cancel' }, seq: 2 })
      expect((await store.rows()).map(({ streamId }) => streamId)).toEqual(['a', 'b'])
    })

    it('an id of the older database is taken', async () => {
      await keep('a', 1)
      const opening = store.openChannel('other', () => [newRow('a', { channel: 'other' })])
      await expect(opening).rejects.toMatchObject({ code: 'bad-id' })
    })

    it('refuses to write streams of two formats together, and does neither', async () => {
      await keep('a', 1)
      await store.openChannel('other', () => [newRow('b', { channel: 'other' })])
      const both = store.commit([append('a', lines(2, 1)), append('b', lines(1, 1))])
      await expect(both).rejects.toMatchObject({ code: 'store' })
      expect([(await store.row('a'))?.seq, (await store.row('b'))?.seq]).toEqual([1, 0])
    })

    it('shows what is missing of the original as a gap of the copy', async () => {
      await keep('a', 10, { ...DONE, size: 21 })
      await old.prune('a', 11)
      const { firstSeq = 0 } = (await old.row('a')) ?? {}
      expect(firstSeq).toBeGreaterThan(1)
      expect(await seqsOf('a')).toEqual(upTo(10).slice(firstSeq - 1))
      expect(await store.row('a')).toMatchObject({
        firstSeq,
        gaps: [{ fromSeq: 1, toSeq: firstSeq - 1, reason: 'retention' }],
      })
    })

    it('prunes both', async () => {
      await keep('a', 10, { ...DONE, size: 21 })
      await seqsOf('a')
      const pruned = await store.prune('a', 11)
      expect(pruned?.firstSeq).toBeGreaterThan(1)
      expect((await old.row('a'))?.firstSeq).toBe(pruned?.firstSeq)
    })

    it('forgets without a trace, copied or not, and clears', async () => {
      for (const id of ['a', 'b', 'c']) await keep(id, 3, DONE)
      await seqsOf('a')
      await store.remove(['a', 'b'])
      expect((await store.rows()).map(({ streamId }) => streamId)).toEqual(['c'])
      await seqsOf('c')
      await store.clear()
      expect(await keysOfZero(formats.olderName)).toEqual([])
      for (const records of ['streams', 'origins', 'segments'] as const) {
        expect(await formats.newer.keys(records)).toEqual([])
      }
    })

    it('what the earlier release deletes is gone in this one too, and a writer that is about to commit finds nothing', async () => {
      await keep('a', 3, DONE)
      await keep('b', 1)
      await seqsOf('a')
      await old.clear()
      expect(await store.readLog('a', 1)).toBeUndefined()
      expect(await store.rows()).toEqual([])
      expect(await store.newest('build')).toBeUndefined()
      expect(await formats.newer.keys('segments')).toEqual([])
      const [result] = await store.commit([{ streamId: 'b', decide: (row) => (row === undefined ? null : { row }) }])
      expect(result).toMatchObject({ applied: false, row: undefined })
    })
  })
}
