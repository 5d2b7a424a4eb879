/** Where the service worker looks for the person's choice (sw/ending-notice.ts): an entry is a yes. Local storage is closed to it. */
const CACHE = 'headwater-settings'
const KEY = '/settings/notify'

/** `blocked`: the browser refuses for this site, and only the person can change that; `impossible`: it has no notifications here. */
export type NotifySetting = 'on' | 'off' | 'blocked' | 'impossible'

const isPossible = (): boolean => 'Notification' in globalThis && 'serviceWorker' in navigator && 'caches' in globalThis

/** What holds now: the choice, and what the browser allows. */
export async function readNotify(): Promise<NotifySetting> {
  if (!isPossible()) return 'impossible'
  if (Notification.permission === 'denied') return 'blocked'
  try {
    const chosen = (await caches.match(KEY, { cacheName: CACHE })) !== undefined
    return chosen && Notification.permission === 'granted' ? 'on' : 'off'
  } catch {
    return 'impossible'
  }
}

/** Keeps the choice. Must be called out of a click: the browser may have to ask the person. */
export async function chooseNotify(on: boolean): Promise<NotifySetting> {
  if (on && Notification.permission === 'default') await Notification.requestPermission()
  const cache = await caches.open(CACHE)
  if (on && Notification.permission === 'granted') await cache.put(KEY, new Response('on'))
  else await cache.delete(KEY)
  return readNotify()
}
