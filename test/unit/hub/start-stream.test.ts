import { describe, expect, it } from 'vitest'
import { newRow } from '../../../src/hub/row.ts'
import { decideStart } from '../../../src/hub/start-stream.ts'
import type { StartStream } from '../../../src/protocol/hub-port.ts'
import type { StreamRow } from '../../../src/store/log-store.ts'
import { source } from './world.ts'

const post = source({ method: 'POST', idempotent: false })
const row = (streamId: string, createdAt: number, change: Partial<StreamRow> = {}): StreamRow => ({
  ...newRow({ streamId, channel: 'c', source: post }, createdAt),
  ...change,
})
const start = (change: Partial<StartStream> = {}): StartStream => ({
  streamId: 'new',
  channel: 'c',
  source: post,
  mode: 'replace',
  whenOffline: 'queue',
  ...change,
})
const waiting = { status: 'queued', outbox: 'queued' } as const
const live = { status: 'streaming', sent: true } as const

describe('a start with whenOffline: queue', () => {
  it('begins at once where nothing stands in its way', () => {
    expect(decideStart([], start(), 5).row).toMatchObject({ status: 'connecting', outbox: 'direct', sent: false })
  })

  it('is queued where the browser has no network, or an earlier one waits, which it leaves alone', () => {
    expect(decideStart([], start(), 5, false).row).toMatchObject({ status: 'queued', outbox: 'queued' })
    const behind = decideStart([row('old', 1, waiting)], start(), 5)
    expect(behind.row).toMatchObject({ streamId: 'new', status: 'queued' })
    expect(behind.writes).toEqual([behind.row])
  })

  it('cancels what was sent at once, or did not queue', () => {
    for (const change of [live, { ...live, outbox: 'direct' as const }]) {
      const [old] = decideStart([row('old', 1, change)], start(), 5).writes
      expect(old).toMatchObject({ streamId: 'old', intent: { kind: 'cancel' } })
    }
  })

  it('is remembered by a retry, which leaves alone what is queued before it', () => {
    const rows = [row('old', 1, waiting), row('failed', 2, { ...waiting, status: 'stopped' })]
    const retried = decideStart(rows, start({ source: null, mode: { retryOf: 'failed' } }), 5)
    expect(retried.row).toMatchObject({ outbox: 'queued', status: 'queued' })
    expect(retried.writes.map(({ streamId }) => streamId)).toEqual(['failed', 'new'])
  })

  it('without it, a send cancels what is queued', () => {
    const { whenOffline: _, ...plain } = start()
    const { row: created, writes } = decideStart([row('old', 1, waiting)], plain, 5, false)
    expect(created).toMatchObject({ status: 'connecting' })
    expect(created).not.toHaveProperty('outbox')
    expect(writes[0]).toMatchObject({ streamId: 'old', intent: { kind: 'cancel', reason: 'replaced' } })
  })
})

describe('an id that exists', () => {
  const used = { ...row('new', 1), ...live }

  it('is the same start, sent again, where it asks for the same', () => {
    for (const mode of ['replace', 'join'] as const) {
      expect(decideStart([used], start({ mode }), 5)).toEqual({ row: used, writes: [] })
    }
    expect(decideStart([used], start({ source: null, mode: { retryOf: 'old' } }), 5)).toEqual({ row: used, writes: [] })
  })

  it('is refused where it asks for something else', () => {
    const other = start({ source: source({ method: 'POST', body: 'other', idempotent: false }) })
    expect(decideStart([used], other, 5)).toMatchObject({ writes: [], error: { code: 'live-id', data: 'new' } })
    const ended = { ...used, ending: { kind: 'done' } as const }
    expect(decideStart([ended], other, 5)).toMatchObject({ writes: [], error: { code: 'bad-id', data: 'new' } })
  })
})

describe('an open', () => {
  const get = source({})
  const open = (from = get): StartStream => start({ source: from, mode: 'join' })
  const ended = (ending: StreamRow['ending'], seq: number, from = get): StreamRow =>
    row('old', 1, { source: from, ending, seq, status: 'error' })
  const failed = { kind: 'error', code: 'http' } as const

  it('starts anew where the last one failed with nothing received, once for all tabs', () => {
    const opened = decideStart([ended(failed, 0)], open(), 5)
    expect(opened.row).toMatchObject({ streamId: 'new', status: 'connecting' })
    expect(opened.writes).toEqual([opened.row])
    const second = decideStart([ended(failed, 0), opened.row], { ...open(), streamId: 'newer' }, 6)
    expect(second.row.streamId).toBe('new')
  })

  it('joins what failed with something received, what was cancelled, and what must not be asked for twice', () => {
    for (const old of [ended(failed, 3), ended({ kind: 'cancelled' }, 0), ended({ kind: 'done' }, 0)]) {
      expect(decideStart([old], open(), 5)).toEqual({ row: old, writes: [] })
    }
    const paid = ended(failed, 0, post)
    expect(decideStart([paid], open(post), 5)).toEqual({ row: paid, writes: [] })
  })
})
