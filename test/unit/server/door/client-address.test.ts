import { expect, it } from 'vitest'
import { clientAddress } from '../../../../src/server/door/client-address.ts'

it.each([
  ['an address', '192.0.2.1', null, 0, '192.0.2.1'],
  ['IPv4 in IPv6’s clothes', '::ffff:192.0.2.1', null, 0, '192.0.2.1'],
  ['IPv6 by its network', '2001:db8:1:2:3:4:5:6', null, 0, '2001:db8:1:2::/64'],
  ['IPv6 that is written short', '2001:DB8::1', null, 0, '2001:db8:0:0::/64'],
  ['what a client claims, without a proxy', '192.0.2.1', '198.51.100.7', 0, '192.0.2.1'],
  ['what the proxy saw', '127.0.0.1', '198.51.100.7', 1, '198.51.100.7'],
  ['what the proxy saw, not what stands before it', '127.0.0.1', '10.0.0.1, 198.51.100.7', 1, '198.51.100.7'],
  ['what the outer of two proxies saw', '127.0.0.1', '10.0.0.1, 198.51.100.7, 10.1.1.1', 2, '198.51.100.7'],
  ['a proxy that says nothing', '127.0.0.1', null, 1, '127.0.0.1'],
])('takes for a client: %s', (_, socket, forwarded, proxies, client) => {
  expect(clientAddress(socket, forwarded, proxies)).toBe(client)
})

it('takes neighbours in one IPv6 network for one client', () => {
  expect(clientAddress('2001:db8::1', null, 0)).toBe(clientAddress('2001:db8:0:0:ffff::2', null, 0))
})
