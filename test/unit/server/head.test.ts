import { afterEach, expect, it, vi } from 'vitest'
import { Client, ORIGIN } from './client.ts'
import { GatedModel } from './gated-model.ts'

const clients: Client[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map(({ handler }) => handler.close()))
})

/** A client of a server with a run of a model that goes on. */
async function start(): Promise<{ client: Client; run: string }> {
  const model = new GatedModel()
  const client = new Client({ models: [model.offered] })
  clients.push(client)
  const messages = [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }]
  const started = await client.send('POST', '/v1/chat', {}, JSON.stringify({ id: 'c', messages }))
  await started.body?.cancel()
  await model.called
  return { client, run: started.headers.get('location') ?? '' }
}

it.each([
  ['a chat', (run: string) => run, 'text/event-stream'],
  ['a chat as text', (run: string) => run, 'text/plain'],
  ['the channels', () => '/v1/channels?live=sse', 'text/event-stream'],
  ['the runs of a channel', () => '/v1/channels/c?live=sse', 'text/event-stream'],
])('HEAD of %s, live, has its head and leaves nobody waiting for its end', async (_, pathOf, accept) => {
  const { client, run } = await start()
  const request = new Request(ORIGIN + pathOf(run), { method: 'HEAD', headers: { accept } })
  const listens = vi.spyOn(request.signal, 'addEventListener')
  const leaves = vi.spyOn(request.signal, 'removeEventListener')
  const answer = await client.handler.fetch(request)
  expect([answer.status, answer.body]).toEqual([200, null])
  expect(answer.headers.get('content-type')).toContain(accept)
  expect(listens.mock.calls.length).toBeGreaterThan(0)
  expect(leaves).toHaveBeenCalledTimes(listens.mock.calls.length)
  expect(await client.figure('headwater_readers')).toBe(0)
})
