import { expect, it } from 'vitest'
import { MAX_NAMED_WATCHERS, Presence } from '../../../src/server/socket/presence.ts'

it('compares two lists once for all who had the one and get the other', () => {
  const presence = new Presence(() => 7)
  const leave = presence.enter('room', 'ada', 'Ada')
  const before = presence.audience('room')
  presence.enter('room', 'bob', null)
  leave()
  const now = presence.audience('room')
  const change = presence.changeOf(before, now)
  expect(change).toEqual({
    joined: [{ watcher: 'bob', as: null, since: 7 }],
    left: [{ watcher: 'ada', as: 'Ada', since: 7 }],
  })
  expect(presence.changeOf(before, now)).toBe(change)
  presence.enter('room', 'ada', 'Ada L.')
  // Whoever was slow missed one list, and hears of both changes in one.
  const later = presence.audience('room')
  expect(presence.changeOf(before, later).left).toEqual([])
  expect(presence.changeOf(before, later).joined.map(({ as }) => as)).toEqual([null, 'Ada L.'])
})

it('names those who came first, counts all, and lets the next in line take a place that becomes free', () => {
  const presence = new Presence(() => 7)
  const leave = Array.from({ length: MAX_NAMED_WATCHERS + 2 }, (_, i) => presence.enter('room', `w${i}`, null))
  const before = presence.audience('room')
  expect([before.count, before.named.size]).toEqual([MAX_NAMED_WATCHERS + 2, MAX_NAMED_WATCHERS])
  leave[5]?.()
  const now = presence.audience('room')
  const change = presence.changeOf(before, now)
  expect([now.count, now.named.size]).toEqual([MAX_NAMED_WATCHERS + 1, MAX_NAMED_WATCHERS])
  expect(change.left.map(({ watcher }) => watcher)).toEqual(['w5'])
  expect(change.joined.map(({ watcher }) => watcher)).toEqual([`w${MAX_NAMED_WATCHERS}`])
  // Of one who is not named only the count is told.
  leave[MAX_NAMED_WATCHERS + 1]?.()
  const later = presence.audience('room')
  expect(later.count).toBe(MAX_NAMED_WATCHERS)
  expect(presence.changeOf(now, later)).toEqual({ joined: [], left: [] })
})
