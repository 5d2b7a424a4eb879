import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { registerRoute } from 'workbox-routing'
import { keepHubScripts, pathOf, serveHubScript } from './precache.ts'
import { isHubScript, isServerPath } from './routes.ts'

// The app opens without a network, and so do hubs of the last releases. Nothing else: streams are never answered for here, and a new version
// waits until a person lets it take over (it claims no page either).
declare const self: ServiceWorkerGlobalScope

const entries = self.__WB_MANIFEST

self.addEventListener('install', (event) => {
  event.waitUntil(keepHubScripts(entries))
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

precacheAndRoute(entries.filter((entry) => !isHubScript(pathOf(entry))))
cleanupOutdatedCaches()

const shell = createHandlerBoundToURL('/index.html')
registerRoute(
  ({ url, request, sameOrigin }) => sameOrigin && request.mode === 'navigate' && !isServerPath(url.pathname),
  shell,
)
