import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MessageBuilder } from '../../../src/dialects/message-builder.ts'
import { findDialect } from '../../../src/dialects/find-dialect.ts'
import { readConfig } from '../../../src/server/config.ts'
import { serve, type RunningServer } from '../../../src/server/node.ts'
import { START, type Position } from '../../../src/protocol/position.ts'
import type { NewChunk } from '../../../src/protocol/chunk.ts'
import { createCancelUpstream } from '../../../src/upstream/cancel-upstream.ts'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import type { UpstreamRequest } from '../../../src/upstream/upstream.ts'
import { collect, request, source } from './collect.ts'

const connect = createConnectUpstream()
let server: RunningServer

beforeAll(async () => {
  const env = { HEADWATER_STORE: 'memory', PORT: '0', OLLAMA_HOST: '127.0.0.1:9', HEADWATER_DEMO_DELAY_MS: '2' }
  server = await serve({ config: readConfig(env) })
})
afterAll(() => server.close())

const chat = (id: string) =>
  source({
    url: `${server.url}/v1/chat`,
    method: 'POST',
    headers: [['content-type', 'application/json']],
    body: JSON.stringify({ id, messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hello' }] }] }),
  })

/** Reads at most so many chunks, then leaves as if the connection had been lost. */
async function readSome(wanted: UpstreamRequest, most: number) {
  const connection = await connect(wanted, new AbortController().signal)
  const chunks: NewChunk[] = []
  let position: Position = wanted.position
  for await (const frame of connection) {
    chunks.push(...frame.chunks)
    position = frame.position
    if (frame.ending) return { chunks, position, head: connection.head, ending: frame.ending }
    if (chunks.length >= most) break
  }
  return { chunks, position, head: connection.head, ending: undefined }
}

describe('a chat of the real server', () => {
  it('is continued through the address that its response named, chunk by chunk the same', async () => {
    const whole = await collect(connect, request(chat('whole')))
    expect(whole.ending).toEqual({ kind: 'done' })

    const wanted = request(chat('parts'))
    let step = await readSome(wanted, 5)
    const chunks = [...step.chunks]
    const { resumeUrl, dialect } = step.head
    expect(resumeUrl).toContain('/v1/chat/parts/stream?run=')
    let connections = 1
    while (!step.ending) {
      step = await readSome({ ...wanted, resuming: true, resumeUrl, dialect, position: step.position }, 20)
      chunks.push(...step.chunks)
      connections++
    }
    expect(connections).toBeGreaterThan(3)
    const text = (all: readonly { data: string | Uint8Array }[]): string => {
      const builder = new MessageBuilder()
      for (const { data } of all) builder.apply(findDialect('ai-sdk')?.read({ seq: 0, time: 0, data }) ?? [])
      expect(builder.parts.some((part) => part.type === 'reasoning')).toBe(true)
      return builder.text
    }
    expect(chunks).toHaveLength(whole.data.length)
    expect(text(chunks)).toBe(text(whole.data.map((data) => ({ data }))))
  })

  it('ends as cancelled once its cancel address was called', async () => {
    const { head, position } = await readSome(request(chat('cancelled')), 3)
    await createCancelUpstream()({ url: head.cancelUrl ?? '' })
    const rest = await collect(
      connect,
      request(chat('cancelled'), { resuming: true, resumeUrl: head.resumeUrl, dialect: head.dialect, position }),
    )
    expect(rest.ending).toMatchObject({ kind: 'cancelled' })
  })

  it('is a durable stream of its parts as well', async () => {
    const whole = await collect(connect, request(chat('log')))
    const { runs } = (await (await fetch(`${server.url}/v1/channels/log`)).json()) as { runs: { run: string }[] }
    const log = await collect(connect, request(source({ url: `${server.url}/v1/stream/log/${runs[0]?.run ?? ''}` })))
    expect(log.data).toEqual(whole.data.filter((data) => data !== '[DONE]'))
    expect(log.position).not.toEqual(START)
    expect(log.ending).toEqual({ kind: 'done' })
  })
})
