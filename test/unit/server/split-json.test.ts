import fc from 'fast-check'
import { expect, it } from 'vitest'
import { splitJsonMessages } from '../../../src/server/split-json.ts'
import { fuzzBudget, fuzzTimeout } from '../../support/fuzz-budget.ts'

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

it.each([
  '',
  ' ',
  '[1,]',
  '[,1]',
  '[1,,2]',
  '[,]',
  '{"a":1',
  'nope',
  '[1] [2]',
  '[1]]',
  '[[1]',
  '[{]}]',
  '[}',
  '["a]',
  '["a\\"]',
  '\u00a0[1]',
  '[\u00a01]',
  '[1}',
])('refuses %j', (text) => {
  expect(() => split(text)).toThrow('JSON')
})

it(
  'takes what JSON is and nothing else, as the engine says',
  () => {
    // Few characters, so that brackets, quotes and commas meet.
    const text = fc.string({
      unit: fc.constantFrom('[', ']', '{', '}', '"', ',', ':', '1', 'a', '\\', ' ', '\n'),
      maxLength: 12,
    })
    fc.assert(
      fc.property(text, fc.boolean(), (inner, isArray) => {
        const body = isArray ? `[${inner}]` : inner
        let value: unknown
        try {
          value = JSON.parse(body)
        } catch {
          expect(() => split(body)).toThrow('JSON')
          return
        }
        expect(split(body).map((message) => JSON.parse(message) as unknown)).toEqual(
          Array.isArray(value) ? value : [value],
        )
      }),
      fuzzBudget(2_000),
    )
  },
  fuzzTimeout(2_000),
)

it('looks at the size of a message, and at how many there are, before it parses them', () => {
  expect(() => splitJsonMessages(new TextEncoder().encode(`[1,${'['.repeat(50)}!${']'.repeat(50)}]`), 100)).toThrow(
    'larger than 100',
  )
  expect(() => split(`[${'{,'.repeat(60_000)}`)).toThrow('JSON')
  expect(() => split(`[${'!,'.repeat(60_000)}]`)).toThrow('50000')
})

it('refuses what is not UTF-8', () => {
  expect(() => splitJsonMessages(new Uint8Array([0x22, 0xff, 0x22]))).toThrow('UTF-8')
})

it('refuses an array of more messages than one transaction should hold', () => {
  expect(split(`[${'0,'.repeat(49_999)}0]`).length).toBe(50_000)
  expect(() => split(`[${'0,'.repeat(50_000)}0]`)).toThrow('50000')
})
