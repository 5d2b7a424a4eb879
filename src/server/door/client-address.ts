import { isIPv6 } from 'node:net'

/**
 * Who a client is, as a key for limits: its address; of IPv6 the first half, which is what one customer gets (RFC 6177).
 * @param proxies how many reverse proxies stand in front: each adds the address that it saw to the right end of `X-Forwarded-For`, and what
 *   stands further left, anybody can have written
 */
export function clientAddress(socketAddress: string | undefined, forwardedFor: string | null, proxies: number): string {
  const seen = proxies === 0 || forwardedFor === null ? undefined : forwardedFor.split(',').at(-proxies)?.trim()
  const address = (seen ?? socketAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
  // Asked with a colon only: that check is a long pattern.
  return address.includes(':') && isIPv6(address) ? network(address) : address.slice(0, 64)
}

function network(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]?.toLowerCase().split('::') ?? []
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const all = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
