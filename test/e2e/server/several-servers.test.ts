import type { Sink } from 'headwater'
import { hasRedis, RedisServer } from '../../support/redis-server.ts'
import { Command } from '../harness/cli.ts'
import { expect, test } from '../harness/fixtures.ts'
import { Pipe } from '../harness/pipe.ts'
import { until } from '../harness/poll.ts'
import { HeadwaterServer } from '../harness/server.ts'
import { ServerProxy } from '../harness/server-proxy.ts'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { lines } from '../harness/truth.ts'

test.beforeEach(() => test.info().skip(!hasRedis, 'There is no redis-server on this machine.'))

const CHAT = 'chat:rivers'

/** Three servers on one Redis. */
interface Cluster {
  redis: RedisServer
  servers: [HeadwaterServer, HeadwaterServer, HeadwaterServer]
  close(): Promise<void>
}

async function startCluster(env: NodeJS.ProcessEnv = {}): Promise<Cluster> {
  const redis = await RedisServer.start()
  const start = (): Promise<HeadwaterServer> => HeadwaterServer.start({ HEADWATER_STORE: redis.url, ...env })
  const servers: Cluster['servers'] = [await start(), await start(), await start()]
  const close = async (): Promise<void> => {
    for (const server of servers) await server.close()
    await redis.close()
  }
  return { redis, servers, close }
}

/** A load balancer without sticky sessions: each request goes to the next server that lives. */
async function balance(
  servers: readonly HeadwaterServer[],
): Promise<{ url: string; without(dead: HeadwaterServer): void; close(): Promise<void> }> {
  const living = servers.map((server) => ({ server, proxy: new ServerProxy(server.url) }))
  let turn = 0
  const front: Server = createServer((request, response) => {
    turn += 1
    living[turn % living.length]?.proxy.handle(request, response)
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    without: (dead) =>
      void living.splice(
        living.findIndex(({ server }) => server === dead),
        1,
      ),
    close: async () => {
      front.closeAllConnections()
      await new Promise((resolve) => front.close(resolve))
    },
  }
}

/** Asks the demo model; answers with the run's address once it began. */
async function ask(server: HeadwaterServer): Promise<{ response: Response; stream: string }> {
  const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Tell me of rivers.' }] }]
  const response = await fetch(`${server.url}/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: CHAT, messages }),
  })
  expect(response.ok).toBe(true)
  const run = new URL(response.headers.get('location') ?? '', server.url).searchParams.get('run') ?? ''
  return { response, stream: `/v1/stream/${encodeURIComponent(CHAT)}/${run}` }
}

const endingOf = async (server: HeadwaterServer, stream: string): Promise<string | null> =>
  (await fetch(`${server.url}${stream}`, { method: 'HEAD' })).headers.get('stream-ending')

test('three servers on one Redis: written through one, read live through another', async () => {
  const cluster = await startCluster()
  try {
    const [a, b, c] = cluster.servers
    const tail = new Command(['tail', 'build', '--url', b.url])
    const pipe = new Pipe(a.url, 'build')
    const said = lines(300)
    for (const line of said) pipe.write(line)
    await until('the reader to have it', () => Promise.resolve(tail.stdout.toString() === said.join('') ? true : null))
    pipe.write('last\n')
    pipe.end()
    expect(await tail.exit).toBe(0)
    expect(tail.stdout.toString()).toBe(`${said.join('')}last\n`)
    expect(await c.content(await c.newestRun('build'))).toBe(`${said.join('')}last\n`)
  } finally {
    await cluster.close()
  }
})

test('a run on one server is cancelled through another, and its model call is aborted', async () => {
  const cluster = await startCluster({ HEADWATER_DEMO_DELAY_MS: '100' })
  try {
    const [a, b] = cluster.servers
    const { response, stream } = await ask(a)
    await until('its first words', async () => ((await b.content(stream)).includes('text-delta') ? true : null))
    expect(await a.metric('headwater_model_runs')).toBe(1)
    const cancel = await fetch(`${b.url}/v1/chat/${encodeURIComponent(CHAT)}/cancel`, { method: 'POST' })
    expect(cancel.ok).toBe(true)
    expect(await endingOf(b, stream)).toContain('cancelled')
    await until('the model call to be over', async () => ((await a.metric('headwater_model_runs')) === 0 ? true : null))
    expect(await response.text()).toContain('"kind":"cancelled"')
  } finally {
    await cluster.close()
  }
})

test('a server that is killed in the middle of a run: readers elsewhere get what was said, then producer-lost', async () => {
  test.slow()
  const cluster = await startCluster({ HEADWATER_DEMO_DELAY_MS: '200' })
  try {
    const [a, b, c] = cluster.servers
    const { stream } = await ask(a)
    await until('its first words', async () => ((await b.content(stream)).includes('text-delta') ? true : null))
    const reading = fetch(`${b.url}${stream}?offset=-1&live=sse`).then((response) => response.text())
    await a.kill()
    const kept = await b.content(stream)
    const heard = await reading
    expect(heard).toContain('producer-lost')
    expect(heard).not.toContain('"kind":"done"')
    expect(await endingOf(c, stream)).toContain('producer-lost')
    expect((await c.content(stream)).startsWith(kept.slice(0, -1))).toBe(true)
  } finally {
    await cluster.close()
  }
})

test('a pipe goes on through the servers that are left, exactly once', async () => {
  const cluster = await startCluster()
  const front = await balance(cluster.servers)
  try {
    const [a, b] = cluster.servers
    const pipe = new Pipe(front.url, 'build')
    const said = lines(2_000)
    for (const line of said.slice(0, 1_000)) pipe.write(line)
    const stream = await b.newestRun('build')
    await until('half of it', async () => ((await b.content(stream)) === said.slice(0, 1_000).join('') ? true : null))
    const dying = a.kill()
    for (const line of said.slice(1_000)) pipe.write(line)
    await dying
    front.without(a)
    pipe.end()
    expect(await pipe.exit).toBe(0)
    expect(await b.content(stream)).toBe(said.join(''))
    expect(await endingOf(b, stream)).toBeNull()
  } finally {
    await front.close()
    await cluster.close()
  }
})

test('a page’s upload goes on through the servers that are left, exactly once', async ({ tabs, upstream }) => {
  const cluster = await startCluster()
  const front = await balance(cluster.servers)
  try {
    const [a, b] = cluster.servers
    upstream.proxyTo(front.url)
    const stream = '/v1/stream/files/1'
    const said = lines(2_000)
    const half = said.slice(0, 1_000).join('')
    const [tab] = await tabs(1)
    if (!tab) throw new Error('no tab')
    await tab.page.evaluate((to) => {
      const sink = hw.hub.channel('files').start({ to })
      Object.assign(globalThis, { sink })
    }, stream)
    const write = (chunks: readonly string[], closes: boolean): Promise<void> =>
      tab.page.evaluate(
        async ([data, last]) => {
          const { sink } = globalThis as unknown as { sink: Sink }
          for (const chunk of data) await sink.write(chunk)
          if (last) await sink.close()
        },
        [chunks, closes] as const,
      )
    await write(said.slice(0, 1_000), false)
    await until('half of it', async () => ((await b.content(stream).catch(() => '')) === half ? true : null))
    const dying = a.kill()
    await write(said.slice(1_000), true)
    await dying
    front.without(a)
    await tab.page.evaluate(() => (globalThis as unknown as { sink: Sink }).sink.uploaded)
    expect(await b.content(stream)).toBe(said.join(''))
    expect(await endingOf(b, stream)).toBeNull()
  } finally {
    await front.close()
    await cluster.close()
  }
})
