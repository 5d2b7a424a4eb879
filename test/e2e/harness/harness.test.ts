import { seededRandom, splitAnywhere } from './random.ts'
import { expect, test } from './fixtures.ts'

const CHUNKS = ['one', 'zwei ä', 'drei\nvier', '✓']

test('the upstream lets chunks out step by step and counts who is connected', async ({ upstream }) => {
  const stream = upstream.script('steps', { format: 'text', chunks: CHUNKS, released: 1, ends: false })
  const answer = await fetch(upstream.origin + stream.path)
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader?.read())?.value).toBe('one')
  expect(stream.open).toBe(1)
  stream.release(1)
  expect((await reader?.read())?.value).toBe('zwei ä')
  stream.release()
  stream.end()
  expect((await reader?.read())?.value).toBe('drei\nvier✓')
  expect((await reader?.read())?.done).toBe(true)
  await expect.poll(() => stream.open).toBe(0)
  expect(stream.requests).toHaveLength(1)
})

test('the upstream continues after the id that a request names', async ({ upstream }) => {
  const stream = upstream.script('ids', { format: 'sse-ids', chunks: CHUNKS })
  const answer = await fetch(upstream.origin + stream.path, { headers: { 'last-event-id': '3' } })
  expect(await answer.text()).toBe('id: 4\r\ndata: ✓\r\n\r\nevent: done\ndata: end\n\n')
})

test('the upstream cuts inside a chunk', async ({ upstream }) => {
  const stream = upstream.script('cut', { format: 'ndjson', chunks: ['{"a":1}', '{"b":2}'], released: 1, ends: false })
  const answer = await fetch(upstream.origin + stream.path)
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader?.read())?.value).toBe('{"a":1}\n')
  stream.cut({ inside: true })
  let rest = ''
  await expect(async () => {
    for (;;) rest += (await reader?.read())?.value ?? ''
  }).rejects.toThrow()
  expect(rest).toBe('{"b"')
})

test('the upstream refuses as often as it is told', async ({ upstream }) => {
  const stream = upstream.script('refuse', { format: 'text', chunks: CHUNKS })
  stream.refuse(1)
  await expect(fetch(upstream.origin + stream.path)).rejects.toThrow()
  stream.refuse(1, 503)
  expect((await fetch(upstream.origin + stream.path)).status).toBe(503)
  expect((await fetch(upstream.origin + stream.path)).status).toBe(200)
})

test('bytes split anywhere are the same bytes, and the same seed splits alike', () => {
  const bytes = Buffer.from(CHUNKS.join('\r\n').repeat(50))
  const pieces = splitAnywhere(bytes, seededRandom(7))
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  expect(pieces.length).toBeGreaterThan(10)
  expect(splitAnywhere(bytes, seededRandom(7)).map(String)).toEqual(pieces.map(String))
})

test('a POST names the address where it goes on and the one that cancels', async ({ upstream }) => {
  const stream = upstream.script('chat', { format: 'ai-sdk', chunks: CHUNKS })
  const answer = await fetch(upstream.origin + stream.path, { method: 'POST', body: '{"a":1}' })
  expect(answer.headers.get('location')).toBe('/s/chat/run')
  expect(answer.headers.get('link')).toBe('</s/chat/cancel>; rel="cancel"')
  expect(await answer.text()).toContain('data: [DONE]')
  expect(stream.posts).toBe(1)
  await fetch(`${upstream.origin}/s/chat/cancel`, { method: 'POST' })
  expect(stream.cancels).toBe(1)
})
