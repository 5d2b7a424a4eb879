import type { EndingNotice } from '../src/protocol/ending-notice.ts'
import { channelPath, RESERVED_CHANNEL } from './routes.ts'

declare const self: ServiceWorkerGlobalScope

/** Where the app keeps what a person chose, so that it can be read here as well: an entry is a yes. */
const SETTINGS_CACHE = 'headwater-settings'
const NOTIFY_SETTING = '/settings/notify'

const WORDS = { done: 'has finished', error: 'has failed', cancelled: 'was cancelled at its source' } as const

/** The notice in a request of a hub, or `null` where it is none. */
function parseNotice(value: unknown): EndingNotice | null {
  const { streamId, channel, ending } = (value ?? {}) as Partial<EndingNotice>
  if (typeof streamId !== 'string' || typeof channel !== 'string' || ending == null) return null
  return ending.kind in WORDS ? { streamId, channel, ending } : null
}

/** Answers a hub that tells of an ending. */
export async function answerNotice(request: Request): Promise<Response> {
  const notice = parseNotice(await request.json().catch(() => null))
  if (notice === null) return new Response(null, { status: 400 })
  await showNotice(notice)
  return new Response(null, { status: 204 })
}

/**
 * Says that a stream has ended, to a person who asked for it and looks at no window of the app. It names the channel, never what was written: a
 * notification stands on locked screens.
 */
export async function showNotice({ streamId, channel, ending }: EndingNotice): Promise<void> {
  if (channel.startsWith(RESERVED_CHANNEL) || Notification.permission !== 'granted') return
  if ((await caches.match(NOTIFY_SETTING, { cacheName: SETTINGS_CACHE })) === undefined) return
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  if (windows.some(({ visibilityState }) => visibilityState === 'visible')) return
  const isChat = channel.startsWith('chat:')
  const exit = ending.exitCode === undefined ? '' : ` (exit status ${ending.exitCode})`
  await self.registration.showNotification(isChat ? 'Headwater: an answer' : `Headwater: ${channel}`, {
    body: `${isChat ? 'An answer in your chat' : channel} ${WORDS[ending.kind]}${exit}.`,
    // One per stream, however often it is told.
    tag: `headwater:${streamId}`,
    icon: '/icon-192.png',
    data: { channel },
  })
}

/** Brings the view of the stream to the front: in the window that shows it, else in any window, else in a new one. */
export async function openNotice(notification: Notification): Promise<void> {
  notification.close()
  const { channel } = (notification.data ?? {}) as { channel?: unknown }
  const path = typeof channel === 'string' ? channelPath(channel) : '/'
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const showing = windows.find(({ url }) => new URL(url).pathname === path)
  if (showing) await showing.focus()
  else {
    // A window that this worker does not control cannot be sent elsewhere.
    const [any] = windows
    const moved = await any?.navigate(path).catch(() => null)
    await (moved ? moved.focus() : self.clients.openWindow(path))
  }
}
