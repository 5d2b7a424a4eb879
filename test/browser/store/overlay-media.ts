import { OverlayLogStore } from '../../../src/store/overlay-store.ts'
import { UnreliableStore } from '../../unit/hub/unreliable-store.ts'
import { createIdbMedium } from './idb-medium.ts'
import type { Medium } from './log-store.contract.ts'
import { createMemoryMedium } from './memory-medium.ts'

const over = async (medium: Medium): Promise<Medium> => ({
  open: async () => new OverlayLogStore(await medium.open()),
  remove: () => medium.remove(),
})

/** Each instance has an overlay of its own, over one database. */
export async function createOverlayOnIdb(): Promise<Medium> {
  return over(await createIdbMedium())
}

export async function createOverlayOnMemory(): Promise<Medium> {
  return over(await createMemoryMedium())
}

/** Everything is in memory, because nothing fits in the medium. */
export async function createOverlayOnFullMedium(): Promise<Medium> {
  const medium = new UnreliableStore()
  medium.full = true
  const store = new OverlayLogStore(medium)
  return { open: async () => store, remove: async () => store.close() }
}
