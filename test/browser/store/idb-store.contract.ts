import { deleteDB, openDB } from 'idb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { packChunks, type PackedChunks } from '../../../src/protocol/packed-chunks.ts'
import type { LogStore } from '../../../src/store/log-store.ts'
import type { IdbMedium } from './idb-medium.ts'
import { createIdbMedium } from './idb-medium.ts'
import { append, chunksOf, lines, newRow, seqsFrom, sourceOf, write } from './sample-rows.ts'

/** What IndexedDB in particular must survive: damage, lost connections, and other people's versions. */
export function runIdbStoreContract(name: string): void {
  describe(`${name} keeps what it has when the database is damaged or taken away`, () => {
    let medium: IdbMedium
    let store: LogStore

    beforeEach(async () => {
      medium = await createIdbMedium()
      store = await medium.open()
    })

    afterEach(async () => {
      store.close()
      await medium.remove()
    })

    test.each([
      ['rubbish', 'rubbish'],
      [
        'lengths that do not fit the data',
        { fromSeq: 11, lengths: new Uint32Array([9]), times: new Float64Array(1), data: 'x' },
      ],
      [
        'a record of another place',
        { fromSeq: 20, lengths: new Uint32Array([1]), times: new Float64Array(1), data: 'x' },
      ],
    ])('reports a record with %s as a hole, and reads the rest', async (_, value) => {
      for (let i = 0; i < 3; i++) await store.commit([append('a', lines(1 + i * 10, 10))])
      await medium.damage('segments', ['a', 11], value)
      const read = await store.readLog('a', 1)
      expect(chunksOf(read).map(({ seq }) => seq)).toEqual(
        [...Array(10).keys(), ...Array(10).keys()].map((n, i) => (i < 10 ? n + 1 : n + 21)),
      )
      expect(read?.toSeq).toBe(31)
      expect(chunksOf(await store.readLog('a', 15)).at(0)?.seq).toBe(21)
      await store.compact('a')
      expect((await store.readLog('a', 1))?.packs.map(({ fromSeq }) => fromSeq)).toEqual([1, 21])
      expect((await store.readLog('a', 1))?.toSeq).toBe(31)
    })

    test('reports a damaged last record as a hole up to the committed seq', async () => {
      for (let i = 0; i < 2; i++) await store.commit([append('a', lines(1 + i * 10, 10))])
      await medium.damage('segments', ['a', 11], null)
      expect(await store.readLog('a', 11)).toMatchObject({ packs: [], toSeq: 21 })
      expect((await store.readLog('a', 1))?.toSeq).toBe(21)
    })

    test('shows nothing behind the committed seq, whatever is stored there', async () => {
      await store.commit([append('a', lines(1, 3))])
      const [record] = packChunks(lines(4, 2), 4)
      await medium.damage('segments', ['a', 4], record)
      expect(await store.readLog('a', 4)).toMatchObject({ packs: [], toSeq: 4 })
      expect(await seqsFrom((from) => store.readLog('a', from), 1)).toEqual([1, 2, 3])
    })

    test('takes a stream whose row cannot be read for none, and writes a new log in its place', async () => {
      await store.commit([append('a', lines(1, 5)), append('b', lines(1, 1))])
      await store.commit([append('a', lines(6, 5))])
      await medium.damage('streams', 'a', { streamId: 'a', channel: 'build', createdAt: 5_000 })
      expect(await store.row('a')).toBeUndefined()
      expect((await store.rows()).map(({ streamId }) => streamId)).toEqual(['b'])
      expect((await store.newest('build'))?.streamId).toBe('b')
      expect(await store.readLog('a', 1)).toBeUndefined()
      await store.commit([append('a', lines(1, 2))])
      expect(await seqsFrom((from) => store.readLog('a', from), 1)).toEqual([1, 2])
      expect(await medium.keys('segments')).toEqual([
        ['a', 1],
        ['b', 1],
      ])
    })

    test('still reads the chunks of a stream whose source is damaged', async () => {
      const source = sourceOf('hello')
      await store.commit([write('a', packChunks(lines(1, 3), 1), 3, { source }), write('b', [], 0, { source })])
      await medium.damage('origins', 'a', { streamId: 'a', source: 'rubbish' })
      const fresh = await medium.open()
      expect(await fresh.row('a')).toMatchObject({ seq: 3, source: null })
      expect(chunksOf(await fresh.readLog('a', 1))).toHaveLength(3)
      await fresh.commit([append('a', lines(4, 1))])
      expect((await fresh.rows()).map((row) => [row.seq, row.source])).toEqual([
        [4, null],
        [0, source],
      ])
      fresh.close()
    })

    test('writes and reads body and meta once, however much is appended', async () => {
      const put = vi.spyOn(IDBObjectStore.prototype, 'put')
      const get = vi.spyOn(IDBObjectStore.prototype, 'get')
      /** Object stores that were called since the last look, and the size of what was put. */
      const look = (): { written: unknown[]; read: unknown[]; size: number } => {
        const namesOf = ({ contexts }: { contexts: unknown[] }): unknown[] =>
          contexts.map((objectStore) => (objectStore as IDBObjectStore).name)
        const size = put.mock.calls.reduce((sum, [value]) => sum + JSON.stringify(value).length, 0)
        const seen = { written: namesOf(put.mock), read: namesOf(get.mock), size }
        put.mockClear()
        get.mockClear()
        return seen
      }
      try {
        const unchanging = { source: sourceOf('x'.repeat(1_000_000)), meta: 'y'.repeat(50_000) }
        await store.openChannel('build', () => [newRow('a', unchanging)])
        expect(look().size).toBeGreaterThan(1_050_000)
        for (let i = 0; i < 3; i++) {
          await store.commit([append('a', lines(1 + i * 5, 5))])
          const seen = look()
          expect(seen).toMatchObject({ written: ['streams', 'segments'], read: ['streams'] })
          expect(seen.size).toBeLessThan(2_000)
        }
        // Another hub reads it once, in the round trip that brings the row.
        const second = await medium.open()
        look()
        await second.commit([append('a', lines(16, 5))])
        expect(look()).toMatchObject({ written: ['streams', 'segments'], read: ['streams', 'origins'] })
        await second.commit([append('a', lines(21, 5))])
        expect(look()).toMatchObject({ written: ['streams', 'segments'], read: ['streams'] })
        expect(await second.row('a')).toMatchObject({ seq: 25, ...unchanging })
        second.close()
      } finally {
        put.mockRestore()
        get.mockRestore()
      }
    })

    test('leaves nothing of a stream that was deleted', async () => {
      const everything = (): Promise<unknown[]> =>
        Promise.all((['streams', 'origins', 'segments'] as const).map((kind) => medium.keys(kind)))
      const fill = (): Promise<unknown> => store.commit([write('a', packChunks(lines(1, 3), 1), 3, { meta: 1 })])
      await fill()
      expect(await everything()).toEqual([['a'], ['a'], [['a', 1]]])
      await store.remove(['a'])
      expect(await everything()).toEqual([[], [], []])
      await fill()
      await store.clear()
      expect(await everything()).toEqual([[], [], []])
    })

    test('goes on after the database was deleted under it, says so, and names another life', async () => {
      const lost = vi.fn()
      store.onlost = lost
      const [before] = await store.commit([append('a', lines(1, 3))])
      expect(lost).not.toHaveBeenCalled()
      await deleteDB(medium.name)
      expect(lost).toHaveBeenCalledTimes(1)
      expect(await store.row('a')).toBeUndefined()
      const [after] = await store.commit([append('a', lines(1, 1))])
      expect((await store.row('a'))?.seq).toBe(1)
      expect(after?.life).not.toBe(before?.life)
    })

    test('names the same life in every instance, also after everything was deleted through it', async () => {
      const other = await medium.open()
      const lifeOf = async (instance: LogStore): Promise<number | undefined> =>
        (await instance.commit([{ streamId: 'none', decide: () => null }]))[0]?.life
      const life = await lifeOf(store)
      expect(await lifeOf(other)).toBe(life)
      await other.clear()
      other.close()
      const next = await medium.open()
      expect(await lifeOf(next)).toBe(life)
      expect(await lifeOf(store)).toBe(life)
      next.close()
    })

    test('prunes a log of more records than one transaction looks at, and what is damaged in it', async () => {
      for (let i = 0; i < 60; i++) await store.commit([append('a', lines(1001 + i, 1))])
      await store.commit([write('a', [], 60, { ending: { kind: 'done' }, size: 300 })])
      await medium.damage('segments', ['a', 7], 'rubbish')
      expect(await store.prune('a', 50)).toMatchObject({ firstSeq: 52, size: 50 })
      expect((await medium.keys('segments'))[0]).toEqual(['a', 52])
      expect(await seqsFrom((from) => store.readLog('a', from), 52)).toHaveLength(9)
    })

    test('gives way to a newer version, and says what is wrong', async () => {
      const newer = await openDB(medium.name, 2)
      await expect(store.row('a')).rejects.toMatchObject({ code: 'store' })
      await expect(openDB(medium.name, 2).then((db) => db.close())).resolves.toBeUndefined()
      newer.close()
    })

    test('rejects a value that cannot be stored, and keeps what was there', async () => {
      await store.commit([append('a', lines(1, 2))])
      const bad = write('a', [], 2, { meta: { secret: () => undefined } })
      await expect(store.commit([append('c', lines(1, 1)), bad])).rejects.toMatchObject({ code: 'store' })
      await expect(store.openChannel('build', () => [newRow('b', { meta: Symbol('no') })])).rejects.toMatchObject({
        code: 'store',
      })
      expect((await store.rows()).map(({ streamId }) => streamId)).toEqual(['a'])
      await store.commit([append('a', lines(3, 1))])
      expect(await seqsFrom((from) => store.readLog('a', from), 1)).toEqual([1, 2, 3])
    })

    test('stores much text as an array of its units, at once and when it is joined, and little as it is', async () => {
      const kinds = async (): Promise<unknown[]> =>
        (await medium.records('segments')).map((record) => {
          const { data, encoded } = record as PackedChunks
          return [typeof data === 'string' ? 'string' : data.constructor.name, encoded]
        })
      await store.commit([append('a', [{ time: 1, data: 'x'.repeat(20_000) }])])
      await store.commit([append('b', [{ time: 1, data: 'ü'.repeat(20_000) }])])
      for (const half of [1, 2]) await store.commit([append('c', [{ time: half, data: 'x'.repeat(10_000) }])])
      expect(await kinds()).toEqual([
        ['Uint8Array', true],
        ['Uint16Array', true],
        ['string', undefined],
        ['string', undefined],
      ])
      await store.compact('c')
      expect((await kinds()).slice(2)).toEqual([['Uint8Array', true]])
    })

    test('joins the small records of thousands of commits, window by window, and the next time only what is new', async () => {
      const changes = Array.from({ length: 50 }, () => append('a', [{ time: 1, data: 'x' }]))
      for (const change of changes) await store.commit([change])
      expect(await medium.keys('segments')).toHaveLength(50)
      await store.compact('a')
      expect(await medium.keys('segments')).toEqual([['a', 1]])
      for (const change of changes) await store.commit([change])
      await store.compact('a')
      expect(await medium.keys('segments')).toEqual([['a', 1]])
    })

    test('compacts an ended stream that was read to its end in many small records, and no other', async () => {
      for (let i = 0; i < 50; i++) {
        await store.commit([append('live', lines(1 + i, 1)), append('ended', lines(1 + i, 1))])
      }
      await store.commit([write('ended', [], 50, { ending: { kind: 'done' } })])
      const next = await medium.open()
      const records = async (): Promise<number> => (await medium.keys('segments')).length
      await next.readLog('live', 1)
      await next.readLog('ended', 1, { maxChunks: 40 })
      // A write of its own comes after whatever these reads have set off.
      await next.commit([{ streamId: 'none', decide: () => null }])
      expect(await records()).toBe(100)
      const read = await next.readLog('ended', 1)
      await expect.poll(records).toBe(51)
      expect(await seqsFrom((from) => next.readLog('ended', from), 1)).toEqual(chunksOf(read).map(({ seq }) => seq))
      next.close()
    })

    test('fills no record beyond its limits', async () => {
      for (let i = 0; i < 4; i++) await store.commit([append('a', lines(1 + i * 2000, 2000))])
      const big = 'x'.repeat(200_000)
      for (let i = 0; i < 3; i++) await store.commit([append('b', [{ time: 1, data: big }])])
      await store.compact('a')
      await store.compact('b')
      expect(await medium.keys('segments')).toEqual([
        ['a', 1],
        ['a', 4001],
        ['b', 1],
        ['b', 2],
        ['b', 3],
      ])
    })

    test('splits what one transaction brings into records that a read can take whole', async () => {
      const large = [
        ...lines(1, 12_000),
        { time: 1, data: 'x'.repeat(300_000) },
        { time: 1, data: 'y'.repeat(200_000) },
      ]
      await store.commit([append('a', large)])
      expect(await medium.keys('segments')).toEqual([
        ['a', 1],
        ['a', 5001],
        ['a', 10_001],
        ['a', 12_001],
        ['a', 12_002],
      ])
      const read = await seqsFrom((from) => store.readLog('a', from), 1)
      expect(read).toEqual(Array.from({ length: 12_002 }, (_, i) => i + 1))
    })

    test('packs what one transaction appends to a stream in one record', async () => {
      await store.commit([append('a', lines(1, 2)), append('a', lines(3, 2)), append('a', lines(5, 2))])
      expect(await medium.keys('segments')).toEqual([['a', 1]])
    })
  })
}
