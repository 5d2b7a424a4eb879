import { MemoryLogStore } from '../../../src/store/memory-store.ts'
import type { Medium } from './log-store.contract.ts'

/** Hubs of one page share the object itself. */
export async function createMemoryMedium(): Promise<Medium> {
  const store = new MemoryLogStore()
  return { open: async () => store, remove: async () => store.close() }
}
