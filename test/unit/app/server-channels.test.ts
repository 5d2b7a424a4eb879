import { describe, expect, test } from 'vitest'
import { foldChannelEvent, parseRuns } from '../../../src/app/lib/server-channels.ts'
import type { ServerChannels } from '../../../src/app/lib/server-channels.ts'

const run = {
  run: '7',
  url: '/v1/stream/build/7',
  status: 'live',
  ending: null,
  contentType: 'text/plain',
  size: 0,
  createdAt: 1,
  updatedAt: 1,
} as const

const info = (channel: string, runs = 1) => ({ channel, newest: run, runs })
const NONE: ServerChannels = new Map()

describe('foldChannelEvent', () => {
  test('a snapshot replaces all, a change adds or replaces one, a removal takes one away', () => {
    let channels = foldChannelEvent(NONE, 'snapshot', JSON.stringify({ channels: [info('a'), info('b')] }))
    channels = foldChannelEvent(channels, 'channel', JSON.stringify(info('b', 2)))
    channels = foldChannelEvent(channels, 'channel', JSON.stringify(info('c')))
    channels = foldChannelEvent(channels, 'removed', '{"channel":"a"}')
    expect([...channels.keys()]).toEqual(['b', 'c'])
    expect(channels.get('b')?.runs).toBe(2)
    expect([...foldChannelEvent(channels, 'snapshot', '{"channels":[]}').keys()]).toEqual([])
  })

  test('the list before an event is left as it was', () => {
    const before = foldChannelEvent(NONE, 'channel', JSON.stringify(info('a')))
    foldChannelEvent(before, 'removed', '{"channel":"a"}')
    expect(before.has('a')).toBe(true)
  })

  test.each([
    ['broken JSON', 'snapshot', '{'],
    ['a snapshot that is none', 'snapshot', '{"channels":1}'],
    ['a channel without its run', 'channel', '{"channel":"a","runs":1}'],
    ['an event of a later version', 'renamed', '{"channel":"a"}'],
    ['an event without a name', undefined, JSON.stringify(info('a'))],
    ['the removal of what is not there', 'removed', '{"channel":"z"}'],
  ])('%s changes nothing', (_, event, data) => {
    const before = foldChannelEvent(NONE, 'channel', JSON.stringify(info('a')))
    expect(foldChannelEvent(before, event, data)).toBe(before)
  })

  test('one entry that cannot be understood does not hide the others', () => {
    const channels = foldChannelEvent(NONE, 'snapshot', JSON.stringify({ channels: [{ channel: 'odd' }, info('a')] }))
    expect([...channels.keys()]).toEqual(['a'])
  })
})

describe('parseRuns', () => {
  test('gives the runs in the order of the answer, and refuses what is no answer', () => {
    expect(parseRuns({ channel: 'build', runs: [run, { ...run, run: '6' }] }).map(({ run }) => run)).toEqual(['7', '6'])
    expect(() => parseRuns({ error: { code: 'not-found' } })).toThrow()
  })
})
