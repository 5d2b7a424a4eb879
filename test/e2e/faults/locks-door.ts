import { acquireLock as acquire } from '../../../src/liveness/locks.ts'
import type { HeldLock } from '../../../src/liveness/locks.ts'
import { ownLock } from '../../../src/protocol/names.ts'
import { reach } from './reach.ts'

// eslint-disable-next-line no-restricted-syntax -- stands in for a whole module, whatever it comes to export
export * from '../../../src/liveness/locks.ts'

/** Stands in for the one of `locks.ts`. */
export async function acquireLock(...options: Parameters<typeof acquire>): Promise<HeldLock> {
  const held = await acquire(...options)
  if (held.name.startsWith(ownLock(''))) await reach('lock-granted')
  return held
}
