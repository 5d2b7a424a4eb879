import { expect, test } from '../harness/fixtures.ts'

/** Appends, and cuts of the connection among them. */
const PIECES = 20
const CUT_EVERY = 10

test('a plain EventSource has every piece once, over cuts, and stops at the end', async ({ tabs, server, network }) => {
  const url = `${server.url}/v1/stream/plain/1`
  const ask = async (method: string, body?: string, closed = false): Promise<void> => {
    const headers = { 'content-type': 'text/plain', ...(closed && { 'stream-closed': 'true' }) }
    expect((await fetch(url, { method, headers, ...(body !== undefined && { body }) })).ok).toBe(true)
  }
  await ask('PUT')
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  const source = await tab.page.evaluateHandle(() => {
    const events = new EventSource('/v1/stream/plain/1?offset=-1&live=sse')
    const seen = { text: '', events }
    events.addEventListener('data', ({ data }) => (seen.text += String(data)))
    return seen
  })
  const text = (): Promise<string> => source.evaluate((seen) => seen.text)
  let whole = ''
  for (let piece = 0; piece < PIECES; piece++) {
    whole += `${piece};`
    await ask('POST', `${piece};`)
    // In the middle of what is on the way, and then once more when it has come back.
    if (piece % CUT_EVERY !== CUT_EVERY - 1) continue
    network.cut()
    await expect.poll(text).toBe(whole)
  }
  await ask('POST', undefined, true)
  await expect.poll(text).toBe(whole)
  // 2 is CLOSED: the browser does not come back any more.
  await expect.poll(() => source.evaluate(({ events }) => events.readyState)).toBe(2)
})
