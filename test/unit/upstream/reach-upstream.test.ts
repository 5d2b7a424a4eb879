import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createReachUpstream } from '../../../src/upstream/reach-upstream.ts'

let server: Server | null = null
const seen: string[] = []

afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)))
  server = null
  seen.length = 0
})

/** A server that answers everything with this status, or with nothing. */
async function answering(status: number | null): Promise<string> {
  const own = createServer((request, response) => {
    const { authorization, cookie } = request.headers
    seen.push(`${request.method} ${request.url} ${authorization ?? '-'} ${cookie ?? '-'}`)
    if (status !== null) response.writeHead(status).end()
  })
  server = own
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(own.address() as AddressInfo).port}`
}

describe('the look at a server', () => {
  it.each([
    [200, true],
    [401, true],
    [404, true],
    [405, true],
    [500, true],
    [502, false],
    [503, false],
    [504, false],
  ])('an answer of %i means that it is there: %s', async (status, there) => {
    const origin = await answering(status)
    expect(await createReachUpstream({ fetch })(`${origin}/v1/chat`)).toBe(there)
  })

  it('asks with HEAD for the folder, never for the address of the run itself', async () => {
    const origin = await answering(200)
    await createReachUpstream({ fetch })(`${origin}/v1/chat?key=secret#x`)
    expect(seen).toEqual(['HEAD /v1/ - -'])
  })

  it('finds nobody where the connection is refused, or nothing answers in time', async () => {
    const origin = await answering(null)
    expect(await createReachUpstream({ fetch, timeoutMs: 50 })(`${origin}/chat`)).toBe(false)
    server?.closeAllConnections()
    await new Promise((resolve) => server?.close(resolve))
    server = null
    expect(await createReachUpstream({ fetch })(`${origin}/chat`)).toBe(false)
  })
})
