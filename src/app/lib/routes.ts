/** Where the person is. */
export type Route =
  { screen: 'channels' } | { screen: 'channel'; channel: string } | { screen: 'unknown'; path: string }

/** What an address shows. */
export function parseRoute(path: string): Route {
  if (path === '/' || path === '/index.html') return { screen: 'channels' }
  const match = /^\/c\/([^/]+)\/?$/.exec(path)
  if (match?.[1] === undefined) return { screen: 'unknown', path }
  try {
    return { screen: 'channel', channel: decodeURIComponent(match[1]) }
  } catch {
    return { screen: 'unknown', path }
  }
}

/** The address of a channel. */
export function channelPath(channel: string): string {
  return `/c/${encodeURIComponent(channel)}`
}
