import fc from 'fast-check'
import { expect } from 'vitest'
import type { Ending } from '../../../src/protocol/chunk.ts'
import type { Place, StreamStore } from '../../../src/server/stream-store.ts'
import { fuzzBudget } from '../../support/fuzz-budget.ts'
import { StoreModel } from './store-model.ts'
import type { ModelAppend } from './store-model.ts'

type Operation =
  | { do: 'create'; run: string; type: string; ttl: number | null; texts: string[]; ending: Ending | null }
  | { do: 'fork'; run: string; from: string; at: number }
  | ({ do: 'append'; run: string } & ModelAppend)
  | { do: 'read'; run: string; from: number; bytes: number }
  | { do: 'remove'; run: string }
  | { do: 'advance'; seconds: number }
  | { do: 'sweep' }

// Few of each, so that operations meet.
const run = fc.constantFrom('a', 'b', 'c', 'd')
const type = fc.constantFrom('text/plain', 'text/plain', 'text/plain', 'application/octet-stream')
const texts = fc.array(fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }), { maxLength: 3 })
const ending = fc.constantFrom<Ending | null>(null, null, null, null, { kind: 'done' }, { kind: 'error', code: 'x' })
const producer = fc.option(
  fc.record({
    id: fc.constantFrom('p', 'q'),
    epoch: fc.integer({ min: 0, max: 1 }),
    seq: fc.integer({ min: 0, max: 3 }),
  }),
)
const streamSeq = fc.option(fc.constantFrom('1', '2', '10', 'a'), { freq: 3 })

const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('create' as const), run, type, ttl: fc.constantFrom(null, null, 100), texts, ending }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('fork' as const), run, from: run, at: fc.integer({ min: 0, max: 5 }) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('append' as const), run, type, texts, producer, streamSeq, ending }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), run, from: fc.nat(6), bytes: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), run }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), seconds: fc.constantFrom(10, 60, 120) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  ),
  { minLength: 5, maxLength: 60 },
) // prettier-ignore

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const sizeOf = (records: readonly string[]): number => records.reduce((sum, text) => sum + bytes(text).byteLength, 0)
const placeIn = (records: readonly string[], at: number): Place => ({ record: at, byte: sizeOf(records.slice(0, at)) })

/** Random operations on a store and on its model: the same answers, and in the end the same streams. */
export async function runRandomOperations(
  store: StreamStore,
  advance: (ms: number) => void,
  runs: number,
): Promise<void> {
  let channels = 0
  await fc.assert(
    fc.asyncProperty(operations, async (list) => {
      const channel = `random-${++channels}`
      const model = new StoreModel()
      for (const operation of list) await applyToBoth(store, channel, model, advance, operation)
      expect((await store.runs(channel)).map((info) => info.name.run).sort()).toEqual(model.runs())
      for (const each of ['a', 'b', 'c', 'd']) await compareAll(store, channel, model, each)
      // What expires later would be another run's surprise.
      for (const each of ['a', 'b', 'c', 'd']) await store.remove({ channel, run: each })
      advance(1_000_000)
      await store.sweep()
    }),
    fuzzBudget(runs),
  )
}

async function applyToBoth(
  store: StreamStore,
  channel: string,
  model: StoreModel,
  advance: (ms: number) => void,
  operation: Operation,
): Promise<void> {
  const name = 'run' in operation ? { channel, run: operation.run } : { channel, run: '' }
  switch (operation.do) {
    case 'create': {
      const { run, type, ttl, texts, ending } = operation
      const records = texts.map(bytes)
      const result = await store.create(name, { contentType: type, ttlSeconds: ttl, records, ending })
      expect(result.kind).toBe(model.create(run, type, ttl === null ? null : ttl * 1000, texts, ending))
      return
    }
    case 'fork': {
      const source = model.peek(operation.from)
      const at = Math.min(operation.at, source?.records.length ?? 0)
      const place = placeIn(source?.records ?? [], at)
      const contentType = source?.type ?? 'text/plain'
      const result = await store.create(name, {
        contentType,
        fork: { from: { channel, run: operation.from }, place, sub: 0 },
      })
      expect(result.kind).toBe(model.fork(operation.run, operation.from, at, contentType))
      return
    }
    case 'append': {
      const { type, texts, producer, streamSeq, ending } = operation
      // The server asks for something to append, or an ending.
      if (texts.length === 0 && ending === null) return
      const contentType = texts.length === 0 ? null : type
      const result = await store.append(name, { contentType, records: texts.map(bytes), producer, streamSeq, ending })
      expect(result.kind).toBe(model.append(operation.run, operation))
      return
    }
    case 'read': {
      const before = model.peek(operation.run)?.records ?? []
      const from = Math.min(operation.from, before.length)
      const page = await store.read(name, placeIn(before, from), operation.bytes)
      const expected = model.read(operation.run)
      if (typeof expected === 'string') return expect(page.kind).toBe(expected)
      if (page.kind !== 'page') throw new Error(`Read ${page.kind}.`)
      const got = page.records.map((record) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(record))
      expect(got).toEqual(expected.records.slice(from, from + got.length))
      expect(got.length > 0 || from === expected.records.length).toBe(true)
      expect(page.next).toEqual(placeIn(expected.records, from + got.length))
      expect(page.info.ending).toEqual(expected.ending)
      return
    }
    case 'remove':
      expect(await store.remove(name)).toBe(model.remove(operation.run))
      return
    case 'advance':
      advance(operation.seconds * 1000)
      model.now += operation.seconds * 1000
      return
    case 'sweep':
      expect(await store.sweep()).toBe(model.sweep())
  }
}

async function compareAll(store: StreamStore, channel: string, model: StoreModel, run: string): Promise<void> {
  const page = await store.read({ channel, run }, 'start', 1e6)
  const expected = model.read(run)
  if (typeof expected === 'string' || page.kind !== 'page') return expect(page.kind).toBe(expected)
  const got = page.records.map((record) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(record))
  expect([got, page.info.ending]).toEqual([expected.records, expected.ending])
  const places = await Promise.all(
    expected.records.map((_, at) => store.read({ channel, run }, placeIn(expected.records, at), 1)),
  )
  expect(places.map(({ kind }) => kind)).toEqual(expected.records.map(() => 'page'))
}
