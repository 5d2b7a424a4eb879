import type { CancelFrame } from '../../protocol/socket.ts'

/** What a cancel address of a Headwater server names (PROTOCOL.md 4.2 and 4.3), for a `cancel` on its socket; `null` where it is another address. */
export function cancelTarget(url: string): Pick<CancelFrame, 'channel' | 'run'> | null {
  const { pathname, searchParams } = new URL(url)
  const segment = /^\/v1\/(?:chat|channels)\/([^/]+)\/cancel$/.exec(pathname)?.[1]
  const run = searchParams.get('run')
  try {
    return segment === undefined ? null : { channel: decodeURIComponent(segment), ...(run !== null && { run }) }
  } catch {
    return null
  }
}
