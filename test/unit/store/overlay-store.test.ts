import { describe, expect, it } from 'vitest'
import type { RowChange, StreamRow, Upload } from '../../../src/store/log-store.ts'
import { OverlayLogStore } from '../../../src/store/overlay-store.ts'
import { append, lines, newRow } from '../../browser/store/sample-rows.ts'
import { UnreliableStore } from '../hub/unreliable-store.ts'

it('a medium that fails right after a start changed a row: the stream goes on from that row, not from the one before it', async () => {
  const medium = new UnreliableStore()
  const store = new OverlayLogStore(medium)
  await store.openChannel('build', () => [newRow('a')])
  await store.commit([append('a', lines(1, 1))])
  await store.openChannel('build', (rows) =>
    rows.map((row): StreamRow => ({ ...row, intent: { kind: 'cancel' }, version: row.version + 1 })),
  )
  medium.failing.add('commit')
  const [result] = await store.commit([append('a', lines(2, 1))])
  // Else its hub, which was told of the cancel, would look for it for ever.
  expect(result).toMatchObject({ applied: true, row: { seq: 2, intent: { kind: 'cancel' } } })
  store.close()
})

describe('what binds', () => {
  const full = { code: 'store', data: { name: 'QuotaExceededError' } }
  const binding = (streamId: string, more: Partial<StreamRow> = { sent: true }): RowChange => ({
    streamId,
    binding: true,
    decide: (row) => (row === undefined ? null : { row: { ...row, ...more, version: row.version + 1 } }),
  })
  const texts = async (store: UnreliableStore | OverlayLogStore) =>
    (await store.readLog('a', 1))?.packs.map(({ data }) => data).join('')

  it('where chunks are stored, is refused by a full medium, and leaves everything in place', async () => {
    const medium = new UnreliableStore()
    const store = new OverlayLogStore(medium)
    await store.commit([append('a', lines(1, 2))])
    medium.full = true
    await expect(store.commit([binding('a')])).rejects.toMatchObject(full)
    await store.commit([append('a', lines(3, 1))])
    await expect(store.commit([binding('a')])).rejects.toMatchObject(full)
    // Of a transaction of several nothing happens then, so that each can be tried alone.
    await expect(store.commit([append('b', lines(1, 1)), binding('a')])).rejects.toMatchObject(full)
    expect(await store.row('b')).toBeUndefined()
    expect([await texts(medium), await texts(store), (await store.row('a'))?.sent]).toEqual(['1 2 ', '1 2 3 ', false])
    medium.full = false
    expect(await store.commit([binding('a')])).toMatchObject([{ applied: true }])
    // With it what was in memory is stored: else the next one could be bound to what is not there.
    expect([await texts(medium), (await medium.row('a'))?.sent, store.durable]).toEqual(['1 2 3 ', true, true])
    store.close()
  })

  it('where a row is stored and no chunk, goes on in memory, and the row goes', async () => {
    const medium = new UnreliableStore()
    const store = new OverlayLogStore(medium)
    await store.openChannel('build', () => [newRow('a')])
    medium.full = true
    expect(await store.commit([binding('a')])).toMatchObject([{ applied: true, row: { sent: true } }])
    expect(await medium.row('a')).toBeUndefined()
    medium.full = false
    await store.settle({ now: true })
    expect((await medium.row('a'))?.sent).toBe(true)
    store.close()
  })

  it('is never in memory beside what is just being stored', async () => {
    const medium = new UnreliableStore()
    const store = new OverlayLogStore(medium)
    medium.full = true
    await store.commit([append('a', lines(1, 1))])
    medium.full = false
    const open = medium.hold('commit')
    const settling = store.settle({ now: true })
    let isBound = false
    const bound = store.commit([binding('a')]).then(() => (isBound = true))
    for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    expect(isBound, 'bound before the older row is stored').toBe(false)
    open()
    await Promise.all([settling, bound])
    expect((await medium.row('a'))?.sent).toBe(true)
    store.close()
  })

  it('what another hub uploaded meanwhile is not unsaid by what is written back', async () => {
    const medium = new UnreliableStore()
    const store = new OverlayLogStore(medium)
    const upload = { url: '/', lease: null, credentials: false, epoch: 1, request: 0, seq: 0 } as unknown as Upload
    await store.openChannel('build', () => [newRow('a', { upload })])
    await store.commit([append('a', lines(1, 1))])
    medium.full = true
    await store.commit([append('a', lines(2, 1))])
    medium.full = false
    const theirs = { ...upload, epoch: 2, request: 1, seq: 1 }
    await medium.commit([binding('a', { upload: theirs })])
    await store.settle({ now: true })
    expect(await medium.row('a')).toMatchObject({ seq: 2, upload: theirs })
    store.close()
  })
})
