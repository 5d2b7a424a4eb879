import { describe, expect, test } from 'vitest'
import { describeStatus } from '../../../src/app/lib/status-words.ts'
import type { StatusFacts } from '../../../src/app/lib/status-words.ts'

const none = { ending: null } as const
const states: Readonly<Record<string, StatusFacts>> = {
  live: { status: 'streaming', ...none },
  done: { status: 'done', ending: { kind: 'done' } },
  'exit status': { status: 'error', ending: { kind: 'error', code: 'exit-status', exitCode: 3 } },
  cancelled: { status: 'stopped', ending: { kind: 'cancelled' } },
  paused: { status: 'stopped', ...none, canResume: true },
  reconnecting: { status: 'reconnecting', ...none, waitingFor: 'network' },
  disconnected: { status: 'disconnected', ...none },
  'producer lost': { status: 'error', ending: { kind: 'error', code: 'producer-lost' } },
}

describe('describeStatus', () => {
  test('no two of end, failure, cancel, pause and loss of the network share their icon and words', () => {
    const words = Object.values(states).map(describeStatus)
    expect(new Set(words.map(({ icon }) => icon)).size).toBe(words.length)
    expect(new Set(words.map(({ label }) => label)).size).toBe(words.length)
    expect(new Set(words.map(({ key }) => key)).size).toBe(words.length)
  })

  test('names the exit status, and what a lost connection waits for', () => {
    const failed = states['exit status']
    const lost = states['reconnecting']
    if (!failed || !lost) throw new Error('no states')
    expect(describeStatus(failed).label).toBe('Failed: exit status 3')
    expect(describeStatus(lost).detail).toContain('the network')
  })

  test('says of what is queued whether it waits for the network or for its turn', () => {
    const waits = describeStatus({ status: 'queued', ...none, waitingFor: 'network' })
    const isNext = describeStatus({ status: 'queued', ...none })
    expect(waits.detail).toBe('Waiting for the network; it will be sent once.')
    expect(isNext).toMatchObject({ key: 'queued', label: waits.label })
    expect(isNext.detail).toContain('when the answer before it has ended')
  })

  test('an error says its own words', () => {
    const { detail } = describeStatus({ status: 'error', ending: { kind: 'error' }, error: 'Rate limit reached.' })
    expect(detail).toBe('Rate limit reached.')
  })

  test('a lost connection that cannot be continued does not promise to go on', () => {
    expect(describeStatus({ status: 'disconnected', ...none, canResume: false }).detail).toContain(
      'cannot be continued',
    )
    expect(describeStatus({ status: 'disconnected', ...none, canResume: true }).detail).toContain('goes on from here')
  })
})
