import { describe, expect, test } from 'vitest'
import { channelPath, parseRoute } from '../../../src/app/lib/routes.ts'
import { safeLink } from '../../../src/app/lib/safe-link.ts'
import { isHubScript, isServerPath } from '../../../sw/routes.ts'

describe('parseRoute', () => {
  test('any channel’s name survives the address bar', () => {
    for (const channel of ['build', 'chat:42', 'a/b', 'ö %', '?#&']) {
      expect(parseRoute(channelPath(channel))).toEqual({ screen: 'channel', channel })
    }
  })

  test('an address that means nothing is unknown, not an error', () => {
    expect(parseRoute('/c/%')).toMatchObject({ screen: 'unknown' })
    expect(parseRoute('/settings')).toMatchObject({ screen: 'unknown' })
    expect(parseRoute('/')).toEqual({ screen: 'channels' })
  })
})

describe('safeLink', () => {
  test('lets http and https through, and nothing else', () => {
    expect(safeLink('https://example.com/a')).toBe('https://example.com/a')
    for (const url of ['javascript:alert(1)', 'data:text/html,x', '/relative', '', undefined]) {
      expect(safeLink(url)).toBeNull()
    }
  })
})

describe('paths of the service worker', () => {
  test('it keeps out of the server’s paths, and out of nothing that merely begins like them', () => {
    for (const path of ['/v1/chat', '/v1', '/healthz', '/metrics']) expect(isServerPath(path)).toBe(true)
    for (const path of ['/', '/c/v1', '/v10', '/index.html', '/metrics.html']) expect(isServerPath(path)).toBe(false)
  })

  test('hub scripts are those in the hub’s folder', () => {
    expect(isHubScript('/hub/hub-worker-abc.js')).toBe(true)
    expect(isHubScript('/c/hub/x')).toBe(false)
  })
})
