import { OUTBOX_SYNC } from '../protocol/names.ts'
import type { StreamView } from './api.ts'

/** What the DOM's types leave out: Background Sync is in Chromium only (November 2026). */
interface WithSync {
  sync?: { register(tag: string): Promise<void> }
}

/**
 * Asks the browser, once a stream that was sent has to wait in the outbox, to wake this application's service worker when the network is back, also
 * when no page is left. Only a page can ask.
 */
export function syncWhenQueued(view: StreamView, streamId: string): void {
  const enough = new AbortController()
  const look = (): void => {
    const { state } = view
    // Whether its server answers is not known yet.
    if (state.streamId === streamId && state.status === 'connecting') return
    enough.abort()
    if (state.streamId === streamId && state.status === 'queued') void register()
  }
  view.subscribe(look, { signal: enough.signal })
  look()
}

async function register(): Promise<void> {
  try {
    const registration = (await navigator.serviceWorker.getRegistration()) as WithSync | undefined
    await registration?.sync?.register(OUTBOX_SYNC)
  } catch {
    // Refused, or no service worker here at all: it is sent as soon as a page is open.
  }
}
