import { describe, expect, it } from 'vitest'
import { Origins, splitRow } from '../../../src/store/idb-origins.ts'
import type { Origin } from '../../../src/store/idb-schema.ts'
import type { StreamRow } from '../../../src/store/log-store.ts'
import { newRow, sourceOf } from '../../browser/store/sample-rows.ts'

/** Rows as a transaction finds them, and the ids of the origins that were asked for. */
function diskOf(rows: readonly StreamRow[]) {
  const asked: string[] = []
  const parts = new Map(rows.map((row) => [row.streamId, splitRow(row, undefined)]))
  return {
    asked,
    objectStore: (name: 'streams' | 'origins') => ({
      async get(streamId: string): Promise<unknown> {
        if (name === 'origins') asked.push(streamId)
        return parts.get(streamId)?.[name === 'origins' ? 'origin' : 'stored']
      },
    }),
  }
}

describe('Origins', () => {
  it('asks for an origin once', async () => {
    const disk = diskOf([newRow('a', { source: sourceOf('hello') })])
    const origins = new Origins()
    for (let i = 0; i < 3; i++) expect((await origins.get(disk, 'a'))?.row.source?.body).toBe('hello')
    expect(disk.asked).toEqual(['a'])
  })

  it('remembers no more streams than its limit, and those that were seen last', async () => {
    const rows = Array.from({ length: 300 }, (_, i) => newRow(`s${i}`, { meta: i }))
    const disk = diskOf(rows)
    const origins = new Origins()
    for (const { streamId } of rows) {
      await origins.get(disk, streamId)
      await origins.get(disk, 's0')
    }
    expect(disk.asked).toHaveLength(300)
    expect((await origins.get(disk, 's299'))?.row.meta).toBe(299)
    expect(disk.asked).toHaveLength(300)
    expect((await origins.get(disk, 's1'))?.row.meta).toBe(1)
    expect(disk.asked).toHaveLength(301)
  })

  it('remembers no more of large bodies than its limit', async () => {
    const body = 'x'.repeat(30 * 1024 * 1024)
    const disk = diskOf(['a', 'b', 'c'].map((streamId) => newRow(streamId, { source: sourceOf(body) })))
    const origins = new Origins()
    for (const streamId of ['a', 'b', 'c', 'c', 'b', 'a']) await origins.get(disk, streamId)
    expect(disk.asked).toEqual(['a', 'b', 'c', 'a'])
  })

  it('remembers nothing of what a list read, so that it pushes out no live stream', async () => {
    const row = newRow('a', { source: sourceOf('hello') })
    const { stored } = splitRow(row, undefined)
    const origin: Origin = { streamId: 'a', tag: stored.origin, source: row.source }
    const asked: string[] = []
    const disk = {
      objectStore: () => ({
        async get(streamId: string): Promise<unknown> {
          asked.push(streamId)
          return origin
        },
      }),
    }
    const origins = new Origins()
    for (let i = 0; i < 2; i++) {
      expect((await origins.list(disk, [stored, 'rubbish'])).map((joined) => joined.row)).toEqual([row])
    }
    expect(asked).toEqual(['a', 'a'])
  })
})
