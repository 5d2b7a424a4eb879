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
