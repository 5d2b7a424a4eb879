import { describe, expect, it } from 'vitest'
import { transition, type SessionEvent, type SessionState } from '../../../src/hub/session-state.ts'

const owned = { epoch: 3, attempt: 2 }
const states: SessionState[] = [
  { at: 'following' },
  { at: 'acquiring' },
  { at: 'taking-over' },
  { at: 'cancelling' },
  { at: 'queued', owned },
  { at: 'waiting-for-slot', owned },
  { at: 'connecting', owned },
  { at: 'streaming', owned },
  { at: 'backing-off', owned },
  { at: 'probing', owned },
  { at: 'releasing' },
]
const events: SessionEvent[] = [
  { type: 'wanted' },
  { type: 'granted' },
  { type: 'took', epoch: 4, queued: false },
  { type: 'took', epoch: 4, queued: true },
  { type: 'cancel-asked' },
  { type: 'settled' },
  { type: 'slot' },
  { type: 'unreachable' },
  { type: 'connected' },
  { type: 'progress' },
  { type: 'lost', again: true },
  { type: 'lost', again: false },
  { type: 'yielded' },
  { type: 'due', fresh: true },
  { type: 'fenced' },
]

/** State, event, where it leads; every other pair stays where it is. */
const moves: [from: string, event: string, to: string][] = [
  ['following', 'wanted', 'acquiring'],
  ['acquiring', 'granted', 'taking-over'],
  ['acquiring', 'settled', 'following'],
  ['taking-over', 'took', 'waiting-for-slot'],
  ['taking-over', 'took queued', 'queued'],
  ['taking-over', 'cancel-asked', 'cancelling'],
  ['taking-over', 'settled', 'releasing'],
  ['cancelling', 'settled', 'releasing'],
  ['releasing', 'settled', 'following'],
  ['waiting-for-slot', 'slot', 'connecting'],
  ['connecting', 'connected', 'streaming'],
  ['connecting', 'unreachable', 'queued'],
  ...['queued', 'waiting-for-slot', 'connecting', 'streaming', 'backing-off', 'probing'].flatMap(
    (from): [string, string, string][] => [
      [from, 'fenced', 'taking-over'],
      [from, 'settled', 'releasing'],
      [from, 'lost again', 'backing-off'],
      [from, 'lost', 'probing'],
      [from, 'yielded', 'waiting-for-slot'],
      [from, 'due', 'waiting-for-slot'],
    ],
  ),
]

const nameOf = (event: SessionEvent): string => {
  if (event.type === 'took' && event.queued) return 'took queued'
  return event.type === 'lost' && event.again ? 'lost again' : event.type
}

describe('a session', () => {
  it.each(states.flatMap((state) => events.map((event) => [state.at, nameOf(event), state, event] as const)))(
    '%s, on %s, goes where the table says',
    (at, name, state, event) => {
      const to = moves.find(([from, on]) => from === at && on === name)?.[2] ?? at
      expect(transition(state, event).at).toBe(to)
    },
  )

  it.each(states)('$at lets go when its lock is lost', (state) => {
    expect(transition(state, { type: 'lock-lost' })).toEqual({ at: 'following' })
  })

  it('counts attempts: up with each loss, back to none with progress, a fresh start, or a new epoch', () => {
    const lost = transition({ at: 'streaming', owned }, { type: 'lost', again: true })
    expect(lost).toEqual({ at: 'backing-off', owned: { epoch: 3, attempt: 3 } })
    expect(transition(lost, { type: 'due', fresh: false })).toMatchObject({ owned: { attempt: 3 } })
    expect(transition(lost, { type: 'due', fresh: true })).toMatchObject({ owned: { attempt: 0 } })
    expect(transition({ at: 'streaming', owned }, { type: 'progress' })).toMatchObject({
      at: 'streaming',
      owned: { attempt: 0 },
    })
    expect(transition({ at: 'taking-over' }, { type: 'took', epoch: 9, queued: false })).toMatchObject({
      owned: { epoch: 9, attempt: 0 },
    })
  })
})
