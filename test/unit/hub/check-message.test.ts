import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  AckSchema,
  AttachSchema,
  checkMessage,
  ForgetSchema,
  GivenHeadersSchema,
  HelloSchema,
  StartSchema,
  VerbSchema,
} from '../../../src/hub/check-message.ts'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { source } from './world.ts'

const start = { streamId: 's', channel: 'c', source: source(), mode: 'join' }
const good = {
  hello: [HelloSchema, { protocol: 1, minProtocol: 1, clientId: 'x', notify: '/ended' }],
  attach: [AttachSchema, { cursorId: 0, channel: 'c', streamId: null, from: 'live', tail: 0, chunks: false }],
  start: [StartSchema, { ...start, secrets: [['authorization', 'x']], meta: { a: [1] }, whenOffline: 'queue' }],
  retry: [StartSchema, { ...start, source: null, mode: { retryOf: 's' } }],
  verb: [VerbSchema, { verbId: 'v', kind: 'cancel', streamId: 's', reason: 'enough' }],
  'forget a stream': [ForgetSchema, { streamId: 's' }],
  'forget a channel': [ForgetSchema, { channel: 'c' }],
  ack: [AckSchema, { next: 1 }],
  headers: [GivenHeadersSchema, [['a', 'b']]],
} as const

const circular: Record<string, unknown> = {}
circular['self'] = circular

const bad: [name: string, schema: (typeof good)[keyof typeof good][0], message: unknown, code: string][] = [
  ['a hello without a client', HelloSchema, { protocol: 1, minProtocol: 1, clientId: '' }, 'bad-message'],
  ['a hello of half a version', HelloSchema, { protocol: 1.5, minProtocol: 1, clientId: 'x' }, 'bad-message'],
  ['a place of another origin for endings', HelloSchema, { ...good.hello[1], notify: '//evil.test/' }, 'bad-message'],
  ['an address for endings', HelloSchema, { ...good.hello[1], notify: 'https://evil.test/' }, 'bad-message'],
  ['an unknown way to wait', StartSchema, { ...start, whenOffline: 'later' }, 'bad-message'],
  ['a negative cursor', AttachSchema, { ...good.attach[1], cursorId: -1 }, 'bad-message'],
  ['a seq of 0', AttachSchema, { ...good.attach[1], from: 0 }, 'bad-message'],
  ['a seq that is no number', AttachSchema, { ...good.attach[1], from: Number.NaN }, 'bad-message'],
  ['a negative tail', AttachSchema, { ...good.attach[1], tail: -1 }, 'bad-message'],
  ['an empty channel', AttachSchema, { ...good.attach[1], channel: '' }, 'bad-name'],
  ['a channel with a line break', StartSchema, { ...start, channel: 'a\nb' }, 'bad-name'],
  ['a channel that is too long', StartSchema, { ...start, channel: 'a'.repeat(257) }, 'bad-name'],
  ['an id with a lone surrogate', VerbSchema, { ...good.verb[1], streamId: '\ud800' }, 'bad-id'],
  ['an unknown verb', VerbSchema, { ...good.verb[1], kind: 'pause' }, 'bad-message'],
  ['a reason without end', VerbSchema, { ...good.verb[1], reason: 'x'.repeat(1001) }, 'bad-message'],
  ['a verb without an id', VerbSchema, { ...good.verb[1], verbId: '' }, 'bad-message'],
  ['a script for an address', StartSchema, { ...start, source: source({ url: 'javascript:alert(1)' }) }, 'bad-message'],
  ['a password in an address', StartSchema, { ...start, source: source({ url: 'http://a:b@c.test/' }) }, 'bad-message'],
  ['a relative address', StartSchema, { ...start, source: source({ resume: '/a' }) }, 'bad-message'],
  [
    'a secret among stored headers',
    StartSchema,
    { ...start, source: source({ headers: [['cookie', 'a']] }) },
    'bad-message',
  ],
  ['a method that is none', StartSchema, { ...start, source: source({ method: 'get it' }) }, 'bad-message'],
  ['a body that is an object', StartSchema, { ...start, source: { ...source(), body: {} } }, 'bad-message'],
  ['meta that is too large', StartSchema, { ...start, meta: 'x'.repeat(65_536) }, 'bad-message'],
  ['meta that is no JSON', StartSchema, { ...start, meta: circular }, 'bad-message'],
  ['forgetting nothing', ForgetSchema, {}, 'bad-message'],
  ['an acknowledgement of nothing', AckSchema, { next: 0 }, 'bad-message'],
  ['headers in a heap', GivenHeadersSchema, [['a']], 'bad-message'],
]

describe('a message of a tab', () => {
  it.each(Object.entries(good))('%s is taken', (_, [schema, message]) => {
    expect(() => checkMessage(schema, message)).not.toThrow()
  })

  it.each(bad)('%s is refused with a typed error', (_, schema, message, code) => {
    expect(() => checkMessage(schema, message)).toThrow(expect.objectContaining({ name: 'HeadwaterError', code }))
  })

  it('whatever else it is, is refused with a typed error, or taken', () => {
    const schemas = Object.values(good).map(([schema]) => schema)
    fc.assert(
      fc.property(fc.constantFrom(...schemas), fc.anything(), (schema, message) => {
        try {
          checkMessage(schema, message)
        } catch (error) {
          expect(error).toBeInstanceOf(HeadwaterError)
        }
      }),
    )
  })
})
