import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { Journal } from '../../../src/store/journal.ts'
import type { RowChange, RowResult } from '../../../src/store/log-store.ts'
import { MemoryLogStore } from '../../../src/store/memory-store.ts'
import { append, lines, write } from '../../browser/store/sample-rows.ts'

/** A store whose commits wait until they are let through, and whose batches are counted. */
class SteppedStore extends MemoryLogStore {
  readonly batches: string[][] = []
  #gates: (() => void)[] = []
  #arrived: (() => void) | null = null

  override async commit(changes: readonly RowChange[]): Promise<RowResult[]> {
    this.batches.push(changes.map(({ streamId }) => streamId))
    await new Promise<void>((resolve) => {
      this.#gates.push(resolve)
      this.#arrived?.()
    })
    return super.commit(changes)
  }

  /** Lets the next commit through, waiting for it where it has not come yet. */
  async step(): Promise<void> {
    while (this.#gates.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    this.#gates.shift()?.()
  }
}

describe('Journal', () => {
  test('has one transaction in flight, and puts what arrives meanwhile in the next, in order', async () => {
    const store = new SteppedStore()
    const journal = new Journal(store)
    const first = journal.commit(append('a', lines(1, 1)))
    await Promise.resolve()
    expect(store.batches).toEqual([['a']])
    const rest = [append('b', lines(1, 1)), append('a', lines(2, 1)), append('c', lines(1, 1))].map((change) =>
      journal.commit(change),
    )
    expect(store.batches).toHaveLength(1)
    await store.step()
    expect(await first).toMatchObject({ applied: true, row: { seq: 1 } })
    await store.step()
    expect(await Promise.all(rest)).toMatchObject([{ row: { seq: 1 } }, { row: { seq: 2 } }, { row: { seq: 1 } }])
    expect(store.batches).toEqual([['a'], ['b', 'a', 'c']])
  })

  test('commits what one task brings in one transaction', async () => {
    const store = new SteppedStore()
    const journal = new Journal(store)
    const both = [journal.commit(append('a', lines(1, 1))), journal.commit(append('b', lines(1, 1)))]
    await store.step()
    await Promise.all(both)
    expect(store.batches).toEqual([['a', 'b']])
  })

  test('retries each change of a failed transaction alone: only the bad one is rejected', async () => {
    const journal = new Journal(new MemoryLogStore())
    const results = await Promise.allSettled([
      journal.commit(append('a', lines(1, 2))),
      journal.commit(write('b', [], 7)),
      journal.commit(append('c', lines(1, 2))),
    ])
    expect(results).toMatchObject([
      { value: { applied: true, row: { seq: 2 } } },
      { reason: { code: 'store' } },
      { value: { applied: true, row: { seq: 2 } } },
    ])
    expect(await journal.commit(append('a', lines(3, 1)))).toMatchObject({ row: { seq: 3 } })
  })

  test('rejects what the store refuses for good, once per change', async () => {
    let calls = 0
    class FullDisk extends MemoryLogStore {
      override async commit(): Promise<RowResult[]> {
        calls++
        throw new HeadwaterError('store', 'full')
      }
    }
    const journal = new Journal(new FullDisk())
    const results = await Promise.allSettled([journal.commit(append('a', [])), journal.commit(append('b', []))])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(calls).toBe(3)
    await expect(journal.commit(append('a', []))).rejects.toMatchObject({ code: 'store' })
    expect(calls).toBe(4)
  })

  test('is idle once nothing is queued or in flight', async () => {
    const store = new SteppedStore()
    const journal = new Journal(store)
    await journal.idle
    const order: string[] = []
    const first = journal.commit(append('a', lines(1, 1))).then(() => order.push('first'))
    await Promise.resolve()
    const second = journal.commit(append('a', lines(2, 1))).then(() => order.push('second'))
    const idle = journal.idle.then(() => order.push('idle'))
    await store.step()
    await store.step()
    await Promise.all([first, second, idle])
    expect(order).toEqual(['first', 'second', 'idle'])
  })

  test('keeps the order of each stream, however commits of several streams mix', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean()), { maxLength: 80 }),
        async (plan) => {
          const store = new MemoryLogStore()
          const journal = new Journal(store)
          const last = new Map<string, number>()
          const answers = plan.map(async ([streamId, wait], i) => {
            const { row } = await journal.commit(append(streamId, [{ time: i, data: String(i) }]))
            // One transaction may hold several changes of a stream: all are answered with the row as it is then.
            expect(row?.seq).toBeGreaterThanOrEqual(last.get(streamId) ?? 1)
            last.set(streamId, row?.seq ?? 0)
            if (wait) await Promise.resolve()
          })
          await Promise.all(answers)
          for (const [streamId, seq] of last) {
            const read = await store.readLog(streamId, 1)
            const times = read?.packs.flatMap(({ times: all }) => [...all]) ?? []
            expect(times).toEqual(plan.flatMap(([id], i) => (id === streamId ? [i] : [])))
            expect(read?.row.seq).toBe(seq)
          }
        },
      ),
    )
  })
})
