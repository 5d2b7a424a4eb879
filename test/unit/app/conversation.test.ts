import { describe, expect, test } from 'vitest'
import { exchangesOf, isRead, parseChatMeta, titleOf, toUiMessages } from '../../../src/app/lib/conversation.ts'
import type { Ending } from '../../../src/protocol/chunk.ts'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import type { Part } from '../../../src/protocol/state.ts'
import { streamInfo } from './stream-info.ts'

const meta = (n: number) => ({ user: { id: `u${n}`, text: `question ${n}` }, answerId: `a${n}` })
const stream = (streamId: string, given: unknown) => streamInfo({ streamId, channel: 'chat:1', meta: given })
const text = (value: string): Part => ({ type: 'text', text: value, state: 'done' })

describe('exchangesOf', () => {
  test('each stream is a turn, with the message that its meta keeps', () => {
    const turns = exchangesOf([stream('s1', meta(1)), stream('s2', meta(2))])
    expect(turns.map(({ streamId, user }) => [streamId, user?.text])).toEqual([
      ['s1', 'question 1'],
      ['s2', 'question 2'],
    ])
  })

  test('of several answers to one message the last one stands, and says how many came before', () => {
    const turns = exchangesOf([stream('s1', meta(1)), stream('s2', meta(1)), stream('s3', meta(1))])
    expect(turns).toMatchObject([{ streamId: 's3', earlierAttempts: 2 }])
  })

  test('a stream without a message of ours is a turn all the same', () => {
    expect(exchangesOf([stream('s1', undefined), stream('s2', 'odd')])).toMatchObject([
      { streamId: 's1', user: null },
      { streamId: 's2', user: null },
    ])
  })
})

describe('isRead', () => {
  const [exchange] = exchangesOf([streamInfo({ streamId: 's1', channel: 'chat:1', seq: 3 })])
  if (!exchange) throw new Error('no turn')
  const failed = (code: 'http' | 'reload-needed' | 'unknown-stream') => new HeadwaterError(code, '')
  const at = (seq: number, failure: HeadwaterError | null = null, ending: Ending | null = null) =>
    isRead(exchange, { seq, failure, ending })

  test('an answer is read once its view has what was stored of it, or its end', () => {
    expect([at(0), at(2), at(3), at(4), at(1, null, { kind: 'done' })]).toEqual([false, false, true, true, true])
  })

  test('one that failed is read to its end too, one that was deleted not waited for', () => {
    expect([at(2, failed('http')), at(3, failed('http')), at(0, failed('unknown-stream'))]).toEqual([false, true, true])
  })

  test('a page that cannot build texts has read nothing, however far its stream is', () => {
    expect(at(3, failed('reload-needed'))).toBe(false)
  })
})

describe('parseChatMeta', () => {
  test('refuses what is not a message', () => {
    expect(parseChatMeta({ user: { id: 1, text: 'x' }, answerId: 'a' })).toBeNull()
    expect(parseChatMeta(null)).toBeNull()
    expect(parseChatMeta(meta(1))).toEqual(meta(1))
  })
})

describe('toUiMessages', () => {
  const [first, second] = exchangesOf([stream('s1', meta(1)), stream('s2', meta(2))])
  if (!first || !second) throw new Error('no turns')

  test('sends the whole conversation in order, answers without their reasoning, and the new message last', () => {
    const reasoning: Part = { type: 'reasoning', text: 'hm', state: 'done' }
    const turns = [
      { exchange: first, parts: [reasoning, text('one'), text('two')] },
      { exchange: second, parts: [text('three')] },
    ]
    expect(toUiMessages(turns, { id: 'u3', text: 'now' })).toEqual([
      { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'question 1' }] },
      { id: 'a1', role: 'assistant', parts: [{ type: 'text', text: 'one\n\ntwo' }] },
      { id: 'u2', role: 'user', parts: [{ type: 'text', text: 'question 2' }] },
      { id: 'a2', role: 'assistant', parts: [{ type: 'text', text: 'three' }] },
      { id: 'u3', role: 'user', parts: [{ type: 'text', text: 'now' }] },
    ])
  })

  test('leaves out an answer that never said a word', () => {
    const messages = toUiMessages([{ exchange: first, parts: [text(' ')] }], { id: 'u2', text: 'again' })
    expect(messages.map(({ role }) => role)).toEqual(['user', 'user'])
  })
})

describe('titleOf', () => {
  test('is the first line, cut at a word where it is long', () => {
    expect(titleOf('  short\nrest')).toBe('short')
    const title = titleOf('a question of many words that goes on for quite a while and then some')
    expect(title.length).toBeLessThanOrEqual(49)
    expect(title).toBe('a question of many words that goes on for quite…')
    expect(titleOf('x'.repeat(100))).toBe(`${'x'.repeat(48)}…`)
  })
})
