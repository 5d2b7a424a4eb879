import fc from 'fast-check'
import { expect, it } from 'vitest'
import { splitJsonMessages } from '../../../src/server/split-json.ts'

const split = (text: string): string[] =>
  splitJsonMessages(new TextEncoder().encode(text)).map((message) => new TextDecoder().decode(message))

it('splits any array into the texts of its elements, and leaves any other value whole', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      const messages = split(JSON.stringify(value, null, space)).map((message) => JSON.parse(message) as unknown)
      expect(messages).toEqual(JSON.parse(JSON.stringify(Array.isArray(value) ? value : [value])))
    }),
  )
})

it.each(['', '[1,]', '{"a":1', 'nope', '[1] [2]'])('refuses %j', (text) => {
  expect(() => split(text)).toThrow('JSON')
})

it('refuses what is not UTF-8', () => {
  expect(() => splitJsonMessages(new Uint8Array([0x22, 0xff, 0x22]))).toThrow('UTF-8')
})

it('refuses an array of more messages than one transaction should hold', () => {
  expect(split(`[${'0,'.repeat(49_999)}0]`).length).toBe(50_000)
  expect(() => split(`[${'0,'.repeat(50_000)}0]`)).toThrow('50000')
})
