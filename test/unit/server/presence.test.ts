import { expect, it } from 'vitest'
import { Presence } from '../../../src/server/socket/presence.ts'

it('compares two lists once for all who had the one and get the other', () => {
  const presence = new Presence(() => 7)
  const leave = presence.enter('room', 'ada', 'Ada')
  const before = presence.list('room')
  presence.enter('room', 'bob', null)
  leave()
  const now = presence.list('room')
  const change = presence.changeOf(before, now)
  expect(change).toEqual({
    joined: [{ watcher: 'bob', as: null, since: 7 }],
    left: [{ watcher: 'ada', as: 'Ada', since: 7 }],
  })
  expect(presence.changeOf(before, now)).toBe(change)
  presence.enter('room', 'ada', 'Ada L.')
  // Whoever was slow missed one list, and hears of both changes in one.
  const later = presence.list('room')
  expect(presence.changeOf(before, later).left).toEqual([])
  expect(presence.changeOf(before, later).joined.map(({ as }) => as)).toEqual([null, 'Ada L.'])
})
