import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import { serve } from '../../../src/server/node.ts'
import type { RunningServer } from '../../../src/server/node.ts'

const running: RunningServer[] = []
const wires: Socket[] = []

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.destroy()
  await Promise.all(running.splice(0).map((server) => server.close()))
})

async function start(): Promise<RunningServer> {
  const server = await serve({ config: readConfig({}, { port: 0, store: 'memory' }), models: [] })
  running.push(server)
  return server
}

/** Asks for an upgrade, waits for the answer, and leaves its half of the connection open. */
async function ask(server: RunningServer, lines: readonly string[]): Promise<Socket> {
  const wire = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1', allowHalfOpen: true })
  wires.push(wire)
  wire.on('error', () => undefined)
  wire.write([...lines, 'Connection: Upgrade', '', ''].join('\r\n'))
  await once(wire, 'data')
  return wire
}

/** For a name that is not the server’s. */
const askInVain = (server: RunningServer): Promise<Socket> =>
  ask(server, ['GET /v1/ws HTTP/1.1', 'Host: evil.example', 'Upgrade: websocket'])

/** For a protocol that the server does not speak: answered as if nobody had asked. */
const askForAnother = (server: RunningServer): Promise<Socket> =>
  ask(server, ['GET /healthz HTTP/1.1', `Host: ${new URL(server.url).host}`, 'Upgrade: h2c'])

const connections = async (server: RunningServer): Promise<string | undefined> =>
  /^headwater_connections (\d+)/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1]

describe('an upgrade that is not made', () => {
  it.each([
    ['refused', askInVain],
    ['passed over', askForAnother],
  ])('(%s) is closed once its client closes, also with bytes behind', async (_, upgrade) => {
    const server = await start()
    const own = await connections(server)
    const wire = await upgrade(server)
    wire.end('bytes that nobody asked for')
    await expect.poll(() => connections(server), { timeout: 900, interval: 20 }).toBe(own)
  })

  it.each([
    ['refused', askInVain],
    ['passed over', askForAnother],
  ])('(%s) is cut after a moment where its client never closes', async (_, upgrade) => {
    const server = await start()
    const own = await connections(server)
    await upgrade(server)
    await expect.poll(() => connections(server), { timeout: 3000 }).toBe(own)
  })

  it('does not keep the server from closing while its answer goes on', async () => {
    const server = await start()
    await fetch(`${server.url}/v1/stream/a/1`, { method: 'PUT' })
    const host = `Host: ${new URL(server.url).host}`
    await ask(server, ['GET /v1/stream/a/1?offset=-1&live=sse HTTP/1.1', host, 'Upgrade: h2c'])
    await server.close()
  })
})
