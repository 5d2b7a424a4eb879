/** Paths that belong to the server. The service worker must not answer for them: a stream would get its short life (browsers cut it off). */
const SERVER_PATH = /^\/(?:v1|healthz|metrics)(?:\/|$)/

/** Folder of the hub's scripts in the build; their names carry their content's hash. */
const HUB_PATH = /^\/hub\//

/** Whether a path is the server's own business. */
export function isServerPath(pathname: string): boolean {
  return SERVER_PATH.test(pathname)
}

/** Whether a path is a script of a hub, of this release or an earlier one. */
export function isHubScript(pathname: string): boolean {
  return HUB_PATH.test(pathname)
}

/** Path to which hubs tell of endings. The app names it in `connectHub` (src/app/main.ts). Never reaches a server where this worker is in control. */
export const NOTICE_PATH = '/headwater-ended'

/** Prefix of the app's own channels, which no person knows of. */
export const RESERVED_CHANNEL = 'headwater:'

/** The address of a channel's view in the app. */
export function channelPath(channel: string): string {
  return `/c/${encodeURIComponent(channel)}`
}
