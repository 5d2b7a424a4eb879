import { expect, it } from 'vitest'
import type { StreamRow } from '../../../src/store/log-store.ts'
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
