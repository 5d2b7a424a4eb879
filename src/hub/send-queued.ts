import type { StreamRow } from '../store/log-store.ts'
import type { Hub } from './hub.ts'
import { holdsUp, isUnsent, wantsOwner } from './row.ts'
import type { StreamSession } from './stream-session.ts'

/**
 * Sends what waits in the outbox, with no tab there to wait for it: takes the locks of the queued streams whose servers answer, sends them in order,
 * and comes back once the next hub can continue them all (their resume addresses are committed), once they have ended where none can, or once
 * `signal` aborts. Nothing is left for this hub to do then but to close, which leaves in order (hand-over rule 4).
 * @returns whether the outbox is empty
 */
export async function sendQueued(hub: Hub, signal: AbortSignal): Promise<boolean> {
  const urlOf = ({ source }: StreamRow): string => source?.url ?? 'http://localhost'
  const rows = await hub.store.rows()
  const hasUnsentBehind = ({ channel, createdAt }: StreamRow): boolean =>
    rows.some((row) => row.channel === channel && row.createdAt > createdAt && isUnsent(row))
  const waiting = rows.filter((row) => isUnsent(row) || (holdsUp(row) && hasUnsentBehind(row)))
  const answers = await Promise.all(waiting.map((row) => hub.outbox.reaches(urlOf(row))))
  const sessions = waiting.filter((_, i) => answers[i] === true).map((row) => hub.errand(row))

  /** Whether this hub may leave the stream to the next one, for now or for good. */
  const mayLeave = ({ row, owned }: StreamSession): boolean => {
    if (row === undefined || !wantsOwner(row)) return true
    if (isUnsent(row)) return hub.outbox.isSilent(urlOf(row)) || row.waitingFor === 'credentials'
    const isBehind = (other: StreamRow | undefined): boolean =>
      other !== undefined && other.channel === row.channel && isUnsent(other) && other.createdAt > row.createdAt
    if (!owned || row.status === 'disconnected') return true
    return row.resumable && row.status !== 'connecting' && !sessions.some((other) => isBehind(other.row))
  }
  while (!signal.aborted && !sessions.every(mayLeave)) await change(hub, sessions, signal)
  return !(await hub.store.rows()).some(isUnsent)
}

/** The next change of one of the streams. Or a moment: what is known of a server changes in silence. */
async function change(hub: Hub, sessions: readonly StreamSession[], signal: AbortSignal): Promise<void> {
  let moved = (): void => undefined
  const moves = new Promise<void>((resolve) => (moved = resolve))
  const listener = { moved: () => moved() }
  for (const { listeners } of sessions) listeners.add(listener)
  signal.addEventListener('abort', moved, { once: true })
  await Promise.race([moves, hub.pause()])
  signal.removeEventListener('abort', moved)
  for (const { listeners } of sessions) listeners.delete(listener)
}
