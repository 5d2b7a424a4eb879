import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Shutdown } from '../../../src/server/lifetime.ts'
import { sseResponse } from '../../../src/server/sse-response.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A response whose events come when told. */
function respond(heartbeatMs?: number): { response: Response; say: (text: string) => void } {
  let say: ((text: string) => void) | undefined
  let said = new Promise<string>((resolve) => (say = resolve))
  async function* events(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      yield await said
      said = new Promise<string>((resolve) => (say = resolve))
    }
  }
  const response = sseResponse({
    signal: new AbortController().signal,
    shutdown: new Shutdown(),
    events,
    onClose: () => undefined,
    ...(heartbeatMs !== undefined && { heartbeatMs }),
  })
  return { response, say: (text) => say?.(text) }
}

const read = async (reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<string> => {
  const { value } = (await reader?.read()) ?? {}
  return Buffer.from(value ?? []).toString()
}

describe('an SSE response', () => {
  it('promises heartbeats, and keeps the promise whatever its events do', async () => {
    const { response, say } = respond(10_000)
    expect(response.headers.get('stream-heartbeat')).toBe('10')
    const reader = response.body?.getReader()
    for (let beat = 0; beat < 3; beat++) {
      const next = read(reader)
      await vi.advanceTimersByTimeAsync(11_000)
      expect(await next).toBe(': \n\n')
    }
    const next = read(reader)
    say('data: a\n\n')
    expect(await next).toBe('data: a\n\n')
    await reader?.cancel()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('promises one each 15 seconds where nothing else is asked for', () => {
    expect(respond().response.headers.get('stream-heartbeat')).toBe('15')
  })
})
