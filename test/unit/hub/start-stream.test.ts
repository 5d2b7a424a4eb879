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
