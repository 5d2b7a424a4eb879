import { createHash } from 'node:crypto'
import { killHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import type { HeadwaterServer } from '../harness/server.ts'

/** All bytes of a stream on the server, and how it ended. */
async function stored(
  server: HeadwaterServer,
  path: string,
): Promise<{ bytes: Buffer; ending: string | null; closed: boolean }> {
  const pieces: Buffer[] = []
  for (let offset = '-1'; ;) {
    const answer = await fetch(`${server.url}${path}?offset=${offset}`)
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`)
    pieces.push(Buffer.from(await answer.arrayBuffer()))
    offset = answer.headers.get('stream-next-offset') ?? ''
    if (answer.headers.get('stream-up-to-date') !== 'true') continue
    const closed = answer.headers.get('stream-closed') === 'true'
    return { bytes: Buffer.concat(pieces), ending: answer.headers.get('stream-ending'), closed }
  }
}

const sizeOf = async (server: HeadwaterServer, path: string): Promise<number> =>
  stored(server, path).then(
    ({ bytes }) => bytes.length,
    () => 0,
  )

test('a file of some MB arrives byte-identical, once, though the server and the hub are killed on the way', async ({
  tabs,
  server,
  network,
  context,
}) => {
  const SIZE = 6 * 1024 * 1024
  const path = '/v1/stream/files/1'
  const [tab, other] = await tabs(2)
  if (!tab || !other) throw new Error('no tabs')
  await other.follow('files')
  await tab.page.evaluate(
    ([to, size]) => {
      // Noise that a repetition or a hole would show in.
      const bytes = new Uint32Array(size / 4)
      for (let i = 0, x = 1; i < bytes.length; i++) bytes[i] = x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0
      const file = new File([bytes], 'noise.bin')
      const sink = hw.hub.channel('files').start({ to: { url: to, highWaterMark: 1024 * 1024 } })
      const first = file
        .slice(0, size / 3)
        .stream()
        .pipeTo(sink.writable, { preventClose: true })
      const rest = async (): Promise<void> => {
        await first
        await file
          .slice(size / 3)
          .stream()
          .pipeTo(sink.writable)
        await sink.uploaded
      }
      Object.assign(globalThis, { bytes, rest })
    },
    [path, SIZE] as const,
  )
  await expect.poll(() => sizeOf(server, path)).toBeGreaterThan(0)
  network.up = false
  network.cut()
  await server.kill()
  await tab.page.evaluate(() => {
    const { rest } = globalThis as unknown as { rest: () => Promise<void> }
    Object.assign(globalThis, { sent: rest() })
  })
  const shown = (): Promise<{ loaded: number; total: number; done: boolean; waitingFor?: string } | undefined> =>
    other.page.evaluate(() => hw.follow('files').upload)
  // While nothing arrives the page is held to its bound, and what the Web stream itself takes: of a file Firefox 153 reads up to 2 MiB at once.
  await expect.poll(async () => (await shown())?.waitingFor).toBe('server')
  await expect.poll(async () => (await shown())?.total).toBeGreaterThan(SIZE / 3)
  const { loaded = 0, total = 0 } = (await shown()) ?? {}
  expect(total - loaded).toBeLessThanOrEqual(4 * 1024 * 1024)
  await killHub(context)
  await server.start()
  network.up = true
  await expect.poll(async () => ((await shown())?.loaded ?? 0) > loaded).toBe(true)
  await killHub(context)
  await tab.page.evaluate(() => (globalThis as unknown as { sent: Promise<void> }).sent)
  await expect.poll(async () => (await shown())?.done).toBe(true)
  const hash = await tab.page.evaluate(async () => {
    const { bytes } = globalThis as unknown as { bytes: Uint32Array<ArrayBuffer> }
    return [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))]
  })
  const { bytes, closed, ending } = await stored(server, path)
  expect([bytes.length, closed, ending]).toEqual([SIZE, true, null])
  expect([...createHash('sha256').update(bytes).digest()]).toEqual(hash)
  expect(await shown()).toMatchObject({ loaded: SIZE, total: SIZE, failure: null })
})

test('a late view and the uploader catch up together: the page shows all of it, and so does the server', async ({
  tabs,
  server,
  network,
  context,
}) => {
  const path = '/v1/stream/notes/1'
  const CHUNKS = 160
  const [tab] = await tabs(1)
  if (!tab) throw new Error('no tab')
  network.up = false
  // More than one read of the store, in records whose arrays a tab may get for its own.
  await tab.page.evaluate(
    async ([to, count]) => {
      const sink = hw.hub.channel('notes').start({ to: { url: to, highWaterMark: 64 * 1024 * 1024 } })
      const chunks = Array.from({ length: count }, (_, i) => `${i} `.repeat(10_000))
      Object.assign(globalThis, { sink })
      await Promise.all(chunks.map((chunk) => sink.write(chunk)))
    },
    [path, CHUNKS] as const,
  )
  // What the old hub still had in memory the new one reads from the store.
  await killHub(context)
  await tab.follow('notes')
  await expect.poll(() => tab.page.evaluate(() => hw.follow('notes').upload?.waitingFor)).toBe('server')
  const truth = Array.from({ length: CHUNKS }, (_, i) => `${i} `.repeat(10_000)).join('')
  // Compared in the page: the report of a difference would have megabytes.
  const showsAll = (shown: Tab): Promise<boolean> =>
    shown.page.evaluate((all) => hw.view('notes').streams.at(-1)?.text === all, truth)
  await expect.poll(() => showsAll(tab)).toBe(true)
  const [late] = await tabs(1)
  if (!late) throw new Error('no tab')
  await late.follow('notes')
  await expect.poll(() => showsAll(late)).toBe(true)
  network.up = true
  await tab.page.evaluate(async () => {
    const { sink } = globalThis as unknown as { sink: { close(): Promise<void>; uploaded: Promise<void> } }
    await sink.close()
    await sink.uploaded
  })
  const { bytes, closed, ending } = await stored(server, path)
  expect([bytes.toString() === truth, closed, ending]).toEqual([true, true, null])
})

test('frames as of a microphone arrive as they are made; the reading side’s cancel stops the page', async ({
  tabs,
  server,
  network: _,
}) => {
  const path = '/v1/stream/mic/1'
  const [tab] = await tabs(1)
  if (!tab) throw new Error('no tab')
  await tab.page.evaluate((to) => {
    const sink = hw.hub.channel('mic').start({ to })
    let frame = 0
    const timer = setInterval(() => void sink.write(new Uint8Array(640).fill(frame++ % 256)), 20)
    sink.signal.addEventListener('abort', () => clearInterval(timer))
    Object.assign(globalThis, { mic: sink, frames: () => frame })
  }, path)
  await expect.poll(() => sizeOf(server, path)).toBeGreaterThan(640 * 20)
  const { bytes } = await stored(server, path)
  expect(bytes.every((byte, i) => byte === Math.floor(i / 640) % 256)).toBe(true)
  await fetch(`${server.url}/v1/channels/mic/cancel`, { method: 'POST' })
  await expect
    .poll(() =>
      tab.page.evaluate(() => (globalThis as unknown as { mic: { signal: AbortSignal } }).mic.signal.reason?.code),
    )
    .toBe('cancelled')
  expect((await stored(server, path)).ending).toBe('{"kind":"cancelled"}')
})

test('a tab that is closed while it uploads leaves a stream on the server that says so, with everything that was stored', async ({
  tabs,
  server,
  network: _,
}) => {
  const path = '/v1/stream/logs/1'
  const [tab] = await tabs(2)
  if (!tab) throw new Error('no tab')
  await tab.page.evaluate(async (to) => {
    const sink = hw.hub.channel('logs').start({ to })
    for (let i = 0; i < 100; i++) await sink.write(`line ${i}\n`)
  }, path)
  await tab.page.close()
  await expect.poll(async () => (await stored(server, path)).ending).toBe('{"kind":"error","code":"producer-lost"}')
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join('')
  expect((await stored(server, path)).bytes.toString()).toBe(lines)
})
