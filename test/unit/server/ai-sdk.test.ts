import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { AbstractChat, DefaultChatTransport, readUIMessageStream, TextStreamChatTransport } from 'ai'
import type { ChatState, UIMessage, UIMessageChunk } from 'ai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cancelOnAbort } from '../../../src/adapters/ai-sdk/index.ts'
import { createStreamHandler } from '../../../src/server/handler.ts'
import type { StreamHandler } from '../../../src/server/handler.ts'
import { MemoryStreamStore } from '../../../src/server/stores/memory.ts'
import { GatedModel } from './gated-model.ts'

let model: GatedModel
let handler: StreamHandler
let server: Server
let api: string

async function listen(resumable?: boolean): Promise<void> {
  handler = createStreamHandler({
    store: new MemoryStreamStore(),
    models: [model.offered],
    ...(resumable !== undefined && { resumable }),
  })
  server = createServer(getRequestListener(handler.fetch, { overrideGlobalObjects: false })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat`
}
beforeEach(() => void (model = new GatedModel()))
afterEach(async () => {
  await handler.close()
  server.closeAllConnections()
  server.close()
})

const messages: UIMessage[] = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }]
const ask = { trigger: 'submit-message', chatId: 'chat:1', messageId: undefined, messages } as const
const statusOf = async (): Promise<string> => {
  const answer = await fetch(api.replace('/chat', `/channels/${encodeURIComponent('chat:1')}`))
  const { runs } = (await answer.json()) as { runs: { status: string }[] }
  return runs[0]?.status ?? 'none'
}

async function textOf(stream: ReadableStream<UIMessageChunk>): Promise<string> {
  let text = ''
  for await (const { parts } of readUIMessageStream({ stream })) {
    text = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('')
  }
  return text
}

/** The text that a stream has told so far; reads on until it is `said`. */
async function until(reader: ReadableStreamDefaultReader<UIMessageChunk>, said: string): Promise<void> {
  let text = ''
  while (text !== said) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`ended at "${text}"`)
    if (value.type === 'text-delta') text += value.delta
  }
}

class Chat extends AbstractChat<UIMessage> {
  constructor(fetch: typeof globalThis.fetch) {
    const state: ChatState<UIMessage> = {
      status: 'ready',
      error: undefined,
      messages: [],
      pushMessage: (message) => void state.messages.push(message),
      popMessage: () => void state.messages.pop(),
      replaceMessage: (index, message) => void (state.messages[index] = message),
      snapshot: (value) => structuredClone(value),
    }
    super({ id: 'chat:1', state, transport: new DefaultChatTransport({ api, fetch }) })
  }
}

describe("the AI SDK's DefaultChatTransport", () => {
  it('sends messages and reads the answer', async () => {
    await listen()
    const stream = await new DefaultChatTransport({ api }).sendMessages({ ...ask, abortSignal: undefined })
    await model.called
    model.say('all ')
    model.say('of it')
    model.finish()
    expect(await textOf(stream)).toBe('all of it')
  })

  it('finds nothing to reconnect to where nothing runs, and the whole live run where one does', async () => {
    await listen()
    const transport = new DefaultChatTransport({ api })
    expect(await transport.reconnectToStream({ chatId: 'chat:1' })).toBeNull()
    const first = (await transport.sendMessages({ ...ask, abortSignal: undefined })).getReader()
    await model.called
    model.say('before ')
    await until(first, 'before ')
    // Every reader is gone; the run goes on.
    await first.cancel()
    const again = await transport.reconnectToStream({ chatId: 'chat:1' })
    model.say('after')
    model.finish()
    expect(again && (await textOf(again))).toBe('before after')
    expect(model.calls).toBe(1)
    expect(await transport.reconnectToStream({ chatId: 'chat:1' })).toBeNull()
  })

  it('leaves the run going when its answer is closed, and cancels it with cancelOnAbort', async () => {
    await listen()
    const stop = new AbortController()
    const transport = new DefaultChatTransport({ api, fetch: cancelOnAbort() })
    const reader = (await transport.sendMessages({ ...ask, abortSignal: stop.signal })).getReader()
    await model.called
    model.say('half')
    await until(reader, 'half')
    expect(model.signal?.aborted).toBe(false)
    const begin = performance.now()
    stop.abort()
    await expect.poll(() => model.signal?.aborted, { interval: 5 }).toBe(true)
    expect(performance.now() - begin).toBeLessThan(1000)
    await expect.poll(statusOf).toBe('cancelled')
  })

  it('cancels a run that is stopped before the head of its answer, once that names it', async () => {
    await listen()
    const stop = new AbortController()
    let sent: Promise<Response> | null = null
    let answer = (): void => undefined
    const late: typeof fetch = async (input, init) => {
      const response = fetch(input, init)
      if (sent !== null) return response
      sent = response
      await new Promise<void>((resolve) => (answer = resolve))
      return response
    }
    const transport = new DefaultChatTransport({ api, fetch: cancelOnAbort(late) })
    const asked = transport.sendMessages({ ...ask, abortSignal: stop.signal })
    await model.called
    stop.abort()
    await expect(asked).rejects.toThrow(/abort/i)
    expect(await statusOf()).not.toBe('cancelled')
    answer()
    await expect.poll(statusOf).toBe('cancelled')
    expect(model.signal?.aborted).toBe(true)
  })

  it('cancels nothing that has ended', async () => {
    await listen()
    const stop = new AbortController()
    const asked: string[] = []
    const spy: typeof fetch = (input, init) => {
      asked.push(init?.method ?? 'GET')
      return fetch(input, init)
    }
    const transport = new DefaultChatTransport({ api, fetch: cancelOnAbort(spy) })
    const stream = await transport.sendMessages({ ...ask, abortSignal: stop.signal })
    await model.called
    model.say('all')
    model.finish()
    expect(await textOf(stream)).toBe('all')
    stop.abort()
    expect([asked, await statusOf()]).toEqual([['POST'], 'done'])
  })
})

describe("the AI SDK's stop button", () => {
  it('cancels the run that was sent, and the one that was come back to', async () => {
    await listen()
    const sender = new Chat(cancelOnAbort())
    const sending = sender.sendMessage({ text: 'hello' })
    await model.called
    model.say('half')
    await expect.poll(() => JSON.stringify(sender.messages)).toContain('half')
    const returned = new Chat(cancelOnAbort())
    const resuming = returned.resumeStream()
    await expect.poll(() => JSON.stringify(returned.messages)).toContain('half')
    await returned.stop()
    await Promise.all([sending, resuming])
    expect(model.signal?.aborted).toBe(true)
    expect([await statusOf(), sender.status, returned.status]).toEqual(['cancelled', 'ready', 'ready'])
  })

  it('ends the run with the answer where the handler is not resumable', async () => {
    await listen(false)
    const chat = new Chat(fetch)
    const sending = chat.sendMessage({ text: 'hello' })
    await model.called
    model.say('half')
    await expect.poll(() => JSON.stringify(chat.messages)).toContain('half')
    expect(await new DefaultChatTransport({ api }).reconnectToStream({ chatId: 'chat:1' })).toBeNull()
    await chat.stop()
    await sending
    await expect.poll(() => model.signal?.aborted).toBe(true)
    await expect.poll(statusOf).toBe('cancelled')
  })
})

describe("the AI SDK's TextStreamChatTransport", () => {
  const headers = { accept: 'text/plain' }

  it('reads plain text', async () => {
    await listen()
    const transport = new TextStreamChatTransport({ api, headers })
    const stream = await transport.sendMessages({ ...ask, abortSignal: undefined })
    await model.called
    model.say('plain ')
    model.say('text')
    model.finish()
    expect(await textOf(stream)).toBe('plain text')
  })

  it('takes no half answer for a whole one', async () => {
    await listen()
    const body = JSON.stringify({ id: 'chat:1', messages })
    const answer = await fetch(api, { method: 'POST', headers, body })
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    await model.called
    model.say('half')
    model.fail(new Error('broken'))
    await expect(answer.text()).rejects.toThrow()
  })
})
