import { describe, expect, it } from 'vitest'
import {
  append,
  applyVerb,
  connected,
  endCancelled,
  joinFrames,
  lost,
  queued,
  sending,
  takeOver,
} from '../../../src/hub/row-changes.ts'
import { holdsUp, isUnsent, newRow, snapshotOf } from '../../../src/hub/row.ts'
import type { Verb } from '../../../src/protocol/hub-port.ts'
import { unpackChunks } from '../../../src/protocol/packed-chunks.ts'
import type { StreamRow } from '../../../src/store/log-store.ts'
import type { UpstreamFrame } from '../../../src/upstream/upstream.ts'
import { source } from './world.ts'

const post = source({ method: 'POST', idempotent: false })
const row = (change: Partial<StreamRow> = {}): StreamRow => ({
  ...newRow({ streamId: 's', channel: 'c', source: source() }, 1),
  ...change,
})
const verb = (kind: Verb['kind'], verbId: string = kind): Verb => ({ kind, verbId, streamId: 's' })
const frame = (change: Partial<UpstreamFrame> & { texts?: string[] } = {}): UpstreamFrame => {
  const { texts = [], ...more } = change
  return {
    chunks: texts.map((data) => ({ time: 0, data })),
    position: { token: '1', skip: 0 },
    verdict: null,
    ...more,
  }
}

describe('takeOver', () => {
  it('finds nothing to do for a stream that is gone, ended or stopped', () => {
    for (const found of [undefined, row({ status: 'done', ending: { kind: 'done' } }), row({ status: 'stopped' })]) {
      expect(takeOver(found, 2)).toEqual({ task: 'nothing', row: null })
    }
  })

  it('raises the epoch before it fetches', () => {
    expect(takeOver(row({ epoch: 4, status: 'streaming' }), 2)).toMatchObject({
      task: 'fetch',
      row: { epoch: 5, version: 2, status: 'reconnecting' },
    })
  })

  it('obeys a stop, and leaves a cancel to be carried out', () => {
    expect(takeOver(row({ intent: { kind: 'stop' } }), 2)).toMatchObject({
      task: 'nothing',
      row: { status: 'stopped', intent: null, epoch: 1 },
    })
    expect(takeOver(row({ intent: { kind: 'cancel' } }), 2)).toEqual({ task: 'tell-producer', row: null })
  })

  it('never posts again: a request that was sent and names no address is disconnected for good', () => {
    const sent = row({ source: post, sent: true, resumable: false })
    expect(takeOver(sent, 2)).toMatchObject({ task: 'nothing', row: { status: 'disconnected', resumable: false } })
    expect(takeOver({ ...sent, sent: false }, 2)).toMatchObject({ task: 'fetch' })
    expect(takeOver({ ...sent, resumeUrl: 'http://a.test/' }, 2)).toMatchObject({ task: 'fetch' })
  })
})

describe('the outbox', () => {
  const direct = row({ source: post, outbox: 'direct', resumable: false })
  const waits = queued(direct, 'network', 2)

  it('keeps a request unsent, says what it waits for, and remembers that it waited', () => {
    expect(waits).toMatchObject({ status: 'queued', waitingFor: 'network', outbox: 'queued', sent: false, version: 2 })
    expect(queued(waits ?? direct, 'network', 3)).toBeNull()
    expect(queued(waits ?? direct, undefined, 3)).not.toHaveProperty('waitingFor')
    expect(snapshotOf(waits ?? direct)).toMatchObject({ status: 'queued', canResume: false, canRetry: false })
  })

  it('takes over what is queued as it is, to be sent', () => {
    expect(takeOver(waits ?? undefined, 3)).toMatchObject({ task: 'fetch', row: { status: 'queued', sent: false } })
  })

  it('lets a request out once: with the commit that it may have been sent (rule 8)', () => {
    const sent = sending(waits ?? direct, 3)
    expect(sent).toMatchObject({ sent: true, status: 'connecting' })
    expect(sent).not.toHaveProperty('waitingFor')
    expect(isUnsent(sent)).toBe(false)
    expect(takeOver(sent, 4)).toMatchObject({ task: 'nothing', row: { status: 'disconnected' } })
  })

  it.each<[string, Partial<StreamRow>, boolean]>([
    ['was queued', { status: 'queued', outbox: 'queued' }, true],
    ['is about to be sent', { outbox: 'direct' }, true],
    ['was queued and is live', { outbox: 'queued', sent: true, status: 'streaming' }, true],
    ['was queued and lost its connection for a while', { outbox: 'queued', sent: true, status: 'disconnected' }, true],
    ['was sent at once', { outbox: 'direct', sent: true, status: 'streaming' }, false],
    ['was stopped', { outbox: 'queued', status: 'stopped' }, false],
    ['has ended', { outbox: 'queued', sent: true, status: 'done', ending: { kind: 'done' } }, false],
    [
      'lost its connection for good',
      { outbox: 'queued', sent: true, status: 'disconnected', resumable: false, source: post },
      false,
    ],
    ['was never in the outbox', { status: 'streaming' }, false],
  ])('a stream that %s: %o holds up the next one: %s', (_, change, expected) => {
    expect(holdsUp(row(change))).toBe(expected)
  })
})

describe('append', () => {
  const what = joinFrames([frame({ texts: ['a', 'b'] })], 2)
  const base = { epoch: 1, seq: 0, position: { token: null, skip: 0 } }
  const open = row({ epoch: 1 })

  it('writes chunks, position and status together', () => {
    const done = append(open, base, what, 2)
    expect(done?.row).toMatchObject({ seq: 2, size: 2, position: { token: '1' }, status: 'streaming', version: 2 })
    expect(done?.packs.flatMap(unpackChunks).map(({ seq, data }) => `${seq}${String(data)}`)).toEqual(['1a', '2b'])
  })

  it.each([
    ['the stream is gone', undefined],
    ['another owner has the epoch', row({ epoch: 2 })],
    ['more is committed', row({ epoch: 1, seq: 1 })],
    ['upstream is elsewhere', row({ epoch: 1, position: { token: '7', skip: 0 } })],
    ['an intent waits', row({ epoch: 1, intent: { kind: 'stop' } })],
    ['it is stopped', row({ epoch: 1, status: 'stopped' })],
    ['it has ended', row({ epoch: 1, status: 'done', ending: { kind: 'done' } })],
  ])('is refused where %s', (_, found) => {
    expect(append(found, base, what, 2)).toBeNull()
  })

  it('gives a gap a seq of its own, in its place among the frames', () => {
    const frames = [
      frame({ texts: ['a'] }),
      frame({ texts: ['c'], gap: 'upstream-changed' }),
      frame({ gap: 'retention' }),
    ]
    const done = append(open, base, joinFrames(frames, 2), 2)
    expect(done?.row.seq).toBe(4)
    expect(done?.row.gaps).toEqual([
      { fromSeq: 2, toSeq: 2, reason: 'upstream-changed' },
      { fromSeq: 4, toSeq: 4, reason: 'retention' },
    ])
  })

  it('ends the stream as its last frame says', () => {
    const ended = (ending: UpstreamFrame['ending'], message?: string): StreamRow | undefined =>
      append(open, base, joinFrames([frame({ ...(ending && { ending }), ...(message && { message }) })], 2), 2)?.row
    expect(ended({ kind: 'done' })).toMatchObject({ status: 'done', failure: null })
    expect(ended({ kind: 'cancelled' })).toMatchObject({ status: 'stopped' })
    expect(ended({ kind: 'error', exitCode: 2 })).toMatchObject({
      status: 'error',
      failure: { code: 'upstream-error' },
    })
    expect(ended({ kind: 'error', code: 'producer-lost' })).toMatchObject({ failure: { code: 'producer-lost' } })
    expect(ended({ kind: 'error' }, 'overloaded')).toMatchObject({ failure: { message: 'overloaded' } })
  })
})

describe('verbs', () => {
  it.each<[Verb['kind'], Partial<StreamRow>, Partial<StreamRow> | null]>([
    ['stop', {}, { intent: { kind: 'stop' } }],
    ['stop', { status: 'disconnected', resumable: false }, { intent: { kind: 'stop' } }],
    ['stop', { status: 'stopped' }, null],
    ['stop', { status: 'done', ending: { kind: 'done' } }, null],
    ['stop', { intent: { kind: 'cancel' } }, null],
    ['cancel', { status: 'stopped' }, { intent: { kind: 'cancel' } }],
    ['cancel', { intent: { kind: 'stop' } }, { intent: { kind: 'cancel' } }],
    ['cancel', { status: 'error', ending: { kind: 'error' } }, null],
    ['resume', { status: 'stopped' }, { status: 'connecting' }],
    ['resume', { status: 'disconnected' }, { status: 'connecting', failure: null }],
    ['resume', { intent: { kind: 'stop' } }, { intent: null }],
    ['resume', { status: 'stopped', sent: true, resumable: false }, null],
    ['resume', { status: 'streaming' }, null],
    ['resume', { intent: { kind: 'cancel' } }, null],
  ])('%s on %o', (kind, before, after) => {
    const next = applyVerb(row(before), verb(kind), 2)
    if (after === null) expect(next).toBeNull()
    else expect(next).toMatchObject({ ...after, version: 2, verbIds: [kind] })
  })

  it('of one id are applied once, for as long as anybody sends one again', () => {
    let now = row()
    for (let i = 0; i < 100; i++) now = applyVerb(now, verb(i % 2 ? 'resume' : 'stop', String(i)), 2) ?? now
    expect(now.verbIds.length).toBeLessThanOrEqual(32)
    expect(applyVerb(now, verb('stop', '99'), 2)).toBeNull()
  })
})

describe('endings and losses', () => {
  it('a cancelled stream fences whoever still writes, once', () => {
    const ended = endCancelled(row({ epoch: 3, intent: { kind: 'cancel' } }), 2)
    expect(ended).toMatchObject({ epoch: 4, intent: null, status: 'stopped', ending: { kind: 'cancelled' } })
    expect(endCancelled(ended ?? undefined, 3)).toBeNull()
  })

  it('a lost connection is no ending, and what cannot be continued says so', () => {
    const failure = { code: 'network', message: 'cut' } as const
    const next = { status: 'disconnected', waitingFor: 'server' } as const
    expect(lost(row({ sent: true }), next, failure, 2)).toMatchObject({ status: 'disconnected', ending: null, failure })
    const gone = lost(row({ source: post, sent: true, resumable: false }), next, failure, 2)
    expect(gone).toMatchObject({ status: 'disconnected', failure: { code: 'not-resumable' } })
    expect(snapshotOf(gone)).toMatchObject({ canResume: false, canRetry: true })
  })

  it('the first response’s addresses stay, whatever a later one names', () => {
    const head = {
      contentType: 'text/plain',
      dialect: null,
      resumeUrl: 'http://a.test/1',
      cancelUrl: null,
      resumable: false,
    }
    const first = connected(row({ source: post, resumable: false }), head, 2)
    expect(first).toMatchObject({ status: 'streaming', resumeUrl: 'http://a.test/1', resumable: true })
    expect(connected(first, { ...head, resumeUrl: 'http://a.test/2' }, 3).resumeUrl).toBe('http://a.test/1')
  })
})
