import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Chunk, NewChunk } from '../../../src/protocol/chunk.ts'
import type { LogStore } from '../../../src/store/log-store.ts'
import type { Medium } from './log-store.contract.ts'
import { append, chunksOf } from './sample-rows.ts'

type Step =
  | { do: 'append'; stream: string; chunks: NewChunk[] }
  | { do: 'read'; stream: string; from: number; maxChunks: number; maxSize: number }
  | { do: 'compact' | 'remove' | 'skip' | 'fenced'; stream: string }

const stream = fc.constantFrom('a', 'b', 'ab')
const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const chunk: fc.Arbitrary<NewChunk> = fc.record(
  {
    time: fc.nat(),
    data: fc.oneof({ weight: 6, arbitrary: text }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }) }),
    event: text,
    id: text,
  },
  { requiredKeys: ['time', 'data'] },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('append' as const), stream, chunks: fc.array(chunk, { maxLength: 9 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      stream,
      from: fc.integer({ min: 1, max: 60 }),
      maxChunks: fc.integer({ min: 1, max: 20 }),
      maxSize: fc.integer({ min: 1, max: 200 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'skip' as const, 'fenced' as const), stream }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), stream }) },
)

/** One step on the store, compared with the log as an array of chunks. */
async function runStep(store: LogStore, model: Map<string, Chunk[]>, now: Step): Promise<void> {
  const log = model.get(now.stream)
  const next = (log?.length ?? 0) + 1
  switch (now.do) {
    case 'append':
      await store.commit([append(now.stream, now.chunks)])
      model.set(now.stream, [...(log ?? []), ...now.chunks.map((more, i) => ({ ...more, seq: next + i }))])
      return
    case 'skip': {
      const hole = { streamId: now.stream, decide: append(now.stream, [{ time: 0, data: 'x' }]).decide }
      const skipping = store.commit([
        {
          ...hole,
          decide: (row) => {
            const decided = hole.decide(row)
            return decided && { ...decided, row: { ...decided.row, seq: decided.row.seq + 1 } }
          },
        },
      ])
      await expect(skipping).rejects.toMatchObject({ code: 'store' })
      return
    }
    case 'fenced': {
      const [result] = await store.commit([append(now.stream, [{ time: 0, data: 'late' }], { onlyEpoch: 99 })])
      expect(result).toMatchObject({ applied: false })
      return
    }
    case 'compact':
      return store.compact(now.stream)
    case 'remove':
      model.delete(now.stream)
      return store.remove([now.stream])
    case 'read': {
      const read = await store.readLog(now.stream, now.from, now)
      if (log === undefined) return expect(read).toBeUndefined()
      const end = Math.max(now.from, next)
      const chunks = chunksOf(read)
      expect(read?.toSeq).toBe(now.from + chunks.length)
      expect(chunks).toEqual(log.slice(now.from - 1, (read?.toSeq ?? 0) - 1))
      expect(chunks.length).toBeLessThanOrEqual(now.maxChunks)
      if (now.from < end) expect(chunks.length).toBeGreaterThan(0)
    }
  }
}

/** Random operations through two instances must leave what a plain array would hold. A failure prints its seed. */
export function runRandomLogStore(name: string, numRuns: number, create: () => Promise<Medium>): void {
  test(`${name} holds what a plain array of chunks would hold, whatever is done to it through two instances`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 60 }), async (steps) => {
        const medium = await create()
        const stores = [await medium.open(), await medium.open()] as const
        const model = new Map<string, Chunk[]>()
        try {
          for (const [second, now] of steps) await runStep(stores[second ? 1 : 0], model, now)
        } finally {
          for (const store of stores) store.close()
          await medium.remove()
        }
      }),
      { numRuns },
    )
  })
}
