import { describe, expect, it } from 'vitest'
import {
  CancelSchema,
  checkMessage,
  PlacedSchema,
  ProduceSchema,
  PublishSchema,
} from '../../../src/hub/check-message.ts'
import { packChunks } from '../../../src/protocol/packed-chunks.ts'

const packs = (...data: string[]) =>
  packChunks(
    data.map((text) => ({ time: 0, data: text })),
    3,
  )
const produce = (change: object = {}): object => ({
  streamId: 's',
  producer: 'p',
  fromSeq: 3,
  packs: packs('a', 'b'),
  ...change,
})
const refused = (schema: Parameters<typeof checkMessage>[0], message: unknown): void =>
  expect(() => checkMessage(schema, message)).toThrow(expect.objectContaining({ code: 'bad-message' }))

describe('what a page produces is refused', () => {
  const [pack] = packs('a', 'b')
  it.each<[string, object]>([
    ['without a place', { fromSeq: 0 }],
    ['with a place that its chunks do not have', { fromSeq: 2 }],
    ['with a hole', { packs: [...packs('a'), ...packChunks([{ time: 0, data: 'c' }], 5)] }],
    ['with a pack whose parts do not fit', { packs: [{ ...pack, lengths: new Uint32Array([1, 5]) }] }],
    ['with what is no pack', { packs: ['abc'] }],
    ['with text as the store keeps it', { packs: [{ ...pack, data: new Uint8Array([97, 98]), encoded: true }] }],
    ['with text that only says so', { packs: [{ ...pack, data: new Uint16Array([97, 98]), encoded: 1 }] }],
    ['with names for chunks that it has not', { packs: [{ ...pack, events: [[7, 'x']] }] }],
    ['with names that are none', { packs: [{ ...pack, events: [[0, 5]] }] }],
    ['with more chunks than one call may have', { packs: packs(...Array.from({ length: 5_001 }, () => '')) }],
    ['with more data than one call may have', { packs: packs('a'.repeat(300_000), 'b'.repeat(300_000)) }],
    ['with one chunk that is too large', { packs: packs('a'.repeat(16 * 1024 * 1024 + 1)) }],
    ['with an ending that is a reader’s to give', { ending: { kind: 'cancelled' } }],
    ['with a message that is none', { message: 5 }],
    ['without a producer', { producer: '' }],
  ])('%s', (_, change) => refused(ProduceSchema, produce(change)))

  it('but not where it is whole, also when all that comes is the ending, or one large chunk', () => {
    expect(checkMessage(ProduceSchema, produce()).packs).toHaveLength(1)
    expect(checkMessage(ProduceSchema, produce({ packs: [], ending: { kind: 'done' } })).packs).toEqual([])
    checkMessage(ProduceSchema, produce({ packs: packs('a'.repeat(1024 * 1024)) }))
  })
})

describe('an event is refused', () => {
  const event = { eventId: 'e', channel: 'c', event: 'typing', data: null }
  it.each<[string, object]>([
    ['without a name', { event: '' }],
    ['with a name that is too long', { event: 'x'.repeat(257) }],
    ['without an id', { eventId: '' }],
    ['with data that is no text', { data: { by: 'me' } }],
    ['with too much data', { data: 'x'.repeat(64 * 1024 + 1) }],
  ])('%s', (_, change) => refused(PublishSchema, { ...event, ...change }))

  it('from another hub, with a place that is none', () => {
    refused(PlacedSchema, event)
    refused(PlacedSchema, { ...event, place: { streamId: 's', seq: -1, createdAt: 0 } })
    checkMessage(PlacedSchema, { ...event, place: null })
    checkMessage(PlacedSchema, { ...event, place: { streamId: 's', seq: 0, createdAt: 1 } })
  })
})

it('the word of a reader that was cancelled is a text of some length, or none', () => {
  refused(CancelSchema, 'no')
  refused(CancelSchema, { reason: 'x'.repeat(1_001) })
  expect(checkMessage(CancelSchema, undefined)).toBeUndefined()
  expect(checkMessage(CancelSchema, {})).toEqual({})
})
