import { nanoid } from 'nanoid'
import { acquireLock, type Locks } from '../liveness/locks.ts'
import { soloLocks } from '../liveness/solo-locks.ts'
import type { Tier } from '../protocol/hub-port.ts'
import { hubLock, MOVED_CHANNEL } from '../protocol/names.ts'
import { openLogStore } from '../store/open-log-store.ts'
import type { LogStore } from '../store/log-store.ts'
import { MemoryLogStore } from '../store/memory-store.ts'
import { createAppendUpstream } from '../upstream/append-upstream.ts'
import { createCancelUpstream } from '../upstream/cancel-upstream.ts'
import { createConnectUpstream } from '../upstream/connect-upstream.ts'
import { createReachUpstream } from '../upstream/reach-upstream.ts'
import { SharedSockets } from '../upstream/socket/shared-sockets.ts'
import type { OpenWebSocket } from '../upstream/socket/web-socket.ts'
import type { Clock } from './hub-context.ts'
import { Hub, type HubOptions, type Pings } from './hub.ts'
import { TabLink } from './tab-link.ts'

/** The browser's time. */
const clock: Clock = {
  now: () => Date.now(),
  delay: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done, { once: true })
    }),
}

/** A hub that runs, and the way to attach a tab to it. */
export interface RunningHub {
  readonly hub: Hub
  connect(port: MessagePort): void
}

async function openStore(durable: boolean): Promise<LogStore> {
  if (!durable) return new MemoryLogStore()
  try {
    return await openLogStore()
  } catch {
    // Private windows may have no IndexedDB: go on in memory, and say so (`durable: false`).
    return new MemoryLogStore()
  }
}

// Called as a method of anything else, `fetch` throws.
const callFetch: typeof fetch = (input, init) => fetch(input, init)

const openSocket: OpenWebSocket = (url, protocol) => new WebSocket(url, protocol)

/** Sockets that streams share. A service worker has none: browsers end it within minutes, and what it sends is sent in that time. */
const openSockets = (): SharedSockets =>
  new SharedSockets({
    open: openSocket,
    now: () => Date.now(),
    delay: (ms, signal) => clock.delay(ms, signal),
    random: Math.random,
  })

/** A service worker hears of it as of any request of this origin, also when no page is left. Where none answers, nobody wanted to know. */
const tellEnding: HubOptions['ended'] = (notice, path) => {
  if (path !== null) void fetch(path, { method: 'POST', body: JSON.stringify(notice) }).catch(() => undefined)
}

const silentPings: Pings = { postMessage: () => undefined, onmessage: null, close: () => undefined }

/**
 * Starts the hub of this worker or page, with the browser's own store, locks and network. Without Web Locks nobody can own anything together:
 * the hub then keeps to itself, in memory. `end` ends the worker, for a hub that tabs have left; a hub in a page has none.
 */
export async function startHub(
  tier: Tier,
  end?: () => void,
  ended: HubOptions['ended'] = tellEnding,
): Promise<RunningHub> {
  const bootId = nanoid()
  const shared = 'locks' in navigator
  const locks: Locks = shared ? navigator.locks : soloLocks
  const sockets = tier === 'service-worker' ? undefined : openSockets()
  // Held for life; its end is the only sign of death that a tab gets.
  await acquireLock(locks, hubLock(bootId))
  const hub = new Hub({
    bootId,
    tier,
    store: await openStore(shared),
    locks,
    pings: shared ? new BroadcastChannel(MOVED_CHANNEL) : silentPings,
    connect: createConnectUpstream({
      fetch: callFetch,
      now: () => Date.now(),
      openSocket,
      ...(sockets && { sockets }),
    }),
    cancel: createCancelUpstream({
      fetch: callFetch,
      ...(sockets && { shared: (request) => sockets.cancel(request) }),
    }),
    ...(sockets && { sockets }),
    reach: createReachUpstream({ fetch: callFetch }),
    append: createAppendUpstream({ fetch: callFetch, now: () => Date.now(), delay: clock.delay }),
    ended,
    clock,
    random: Math.random,
    online: () => navigator.onLine,
    ...(end && { retired: end }),
  })
  globalThis.addEventListener('online', () => hub.nudge())
  return { hub, connect: (port) => void new TabLink(hub, port) }
}
