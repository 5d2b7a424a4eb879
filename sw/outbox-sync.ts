import { sendQueued } from '../src/hub/send-queued.ts'
import { startHub } from '../src/hub/start-hub.ts'
import { OUTBOX_SYNC } from '../src/protocol/names.ts'
import { showNotice } from './ending-notice.ts'

/** How long one turn may take, in milliseconds. Chromium 156 cuts a service worker's event off after 310 s; before that it leaves in order. */
const LIMIT_MS = 240_000

/** What TypeScript's worker types leave out. */
interface SyncEvent extends ExtendableEvent {
  readonly tag: string
}

/** Sends what waits in the outbox when the browser says that there is a network. Rejects while something is left: the browser tries again. */
export function answerSync(event: Event): void {
  const sync = event as SyncEvent
  if (sync.tag === OUTBOX_SYNC) sync.waitUntil(sendOutbox())
}

async function sendOutbox(): Promise<void> {
  const notices: Promise<void>[] = []
  const { hub } = await startHub('service-worker', undefined, (notice) => void notices.push(showNotice(notice)))
  try {
    if (await sendQueued(hub, AbortSignal.timeout(LIMIT_MS))) return
  } finally {
    await hub.close()
    // One that cannot be shown is no reason to send anything again.
    await Promise.allSettled(notices)
  }
  throw new Error('The server cannot be reached: what is queued stays queued.')
}
