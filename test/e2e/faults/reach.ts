import { FAULT_PATH } from './fault-points.ts'
import type { FaultAnswer, FaultPoint } from './fault-points.ts'

const never = new Promise<never>(() => undefined)

/** The hub is at a point. Resolves when the test lets it go on; never, where it shall die here. */
export async function reach(point: FaultPoint): Promise<void> {
  // The server outlives every hub and serves every engine; and it sees the request close when a hub dies that it holds.
  const answer = await fetch(new URL(FAULT_PATH + point, location.origin), { cache: 'no-store' })
  if (((await answer.text()) as FaultAnswer) !== 'die') return
  globalThis.close()
  await never
}
