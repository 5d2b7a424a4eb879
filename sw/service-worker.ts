import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { registerRoute } from 'workbox-routing'
import { answerNotice, openNotice } from './ending-notice.ts'
import { answerSync } from './outbox-sync.ts'
import { keepHubScripts, pathOf, serveHubScript } from './precache.ts'
import { isHubScript, isServerPath, NOTICE_PATH } from './routes.ts'

// The app opens without a network, and so do hubs of the last releases; what waits in the outbox is sent; who looks elsewhere is told of endings.
// Nothing else: streams are never answered for here, and a new version waits until a person lets it take over.
declare const self: ServiceWorkerGlobalScope

const entries = self.__WB_MANIFEST

self.addEventListener('install', (event) => {
  event.waitUntil(keepHubScripts(entries))
})

// The first version only: a hub that was started before it is to be heard. Later versions find everything controlled.
self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})

self.addEventListener('sync', answerSync)

self.addEventListener('notificationclick', (event) => {
  event.waitUntil(openNotice(event.notification))
})

self.addEventListener('message', (event) => {
  const message: unknown = event.data
  if (typeof message === 'object' && message !== null && 'type' in message && message.type === 'SKIP_WAITING') {
    void self.skipWaiting()
  }
})

registerRoute(
  ({ url, sameOrigin }) => sameOrigin && isHubScript(url.pathname),
  ({ request }) => serveHubScript(request),
)

registerRoute(
  ({ url, sameOrigin }) => sameOrigin && url.pathname === NOTICE_PATH,
  ({ request }) => answerNotice(request),
  'POST',
)

precacheAndRoute(entries.filter((entry) => !isHubScript(pathOf(entry))))
cleanupOutdatedCaches()

const shell = createHandlerBoundToURL('/index.html')
registerRoute(
  ({ url, request, sameOrigin }) => sameOrigin && request.mode === 'navigate' && !isServerPath(url.pathname),
  shell,
)
