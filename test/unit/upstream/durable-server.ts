import type { ServerResponse } from 'node:http'
import { startScriptedServer, writePieces, type ScriptedServer } from '../../support/scripted-server.ts'

/** What a test may change about the server while it runs. */
export interface DurableScript {
  contentType: string
  /** One append each. */
  appends: string[]
  closed: boolean
  ending: string | null
  /** Bytes that one catch-up response holds at most; default all. */
  pageAppends: number
  /** Appends below this one are gone. */
  earliest: number
  /** How a live SSE read behaves. */
  sse: 'ok' | 'silent' | 'not-sse' | 'closes'
  /** Pieces that an SSE answer is written in. */
  split: ((text: string) => (string | Uint8Array)[]) | null
  /** Called when a reader waits at the tail. */
  atTail: () => void
}

export interface DurableServer extends ScriptedServer {
  script: DurableScript
  /** Appends, and lets waiting readers go on. */
  append(...texts: string[]): void
  finish(ending: string | null): void
  /** How often each kind of read was asked for. */
  reads: { plain: number; sse: number; longPoll: number }
}

const offsetOf = (index: number): string => String(index).padStart(6, '0')

/** A durable stream by the book, as far as reading goes: offsets are the number of appends. */
export async function startDurableServer(change: Partial<DurableScript> = {}): Promise<DurableServer> {
  const script: DurableScript = {
    contentType: 'application/octet-stream',
    appends: [],
    closed: false,
    ending: null,
    pageAppends: Infinity,
    earliest: 0,
    sse: 'ok',
    split: null,
    atTail: () => undefined,
    ...change,
  }
  const reads = { plain: 0, sse: 0, longPoll: 0 }
  const waiting: (() => void)[] = []
  const isJson = (): boolean => script.contentType === 'application/json'
  const wake = (): void => waiting.splice(0).forEach((resume) => resume())
  const news = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve)
      script.atTail()
    })

  const closedHeaders = (at: number): Record<string, string> => ({
    ...(script.closed && at === script.appends.length && { 'stream-closed': 'true' }),
    ...(script.closed && at === script.appends.length && script.ending && { 'stream-ending': script.ending }),
  })
  const join = (texts: string[]): Buffer =>
    isJson() ? Buffer.from(`[${texts.join(',')}]`) : Buffer.concat(texts.map((text) => Buffer.from(text, 'latin1')))

  async function sse(response: ServerResponse, from: number): Promise<void> {
    response.writeHead(200, {
      'content-type': script.sse === 'not-sse' ? 'text/plain' : 'text/event-stream',
      ...(!isJson() && { 'stream-sse-data-encoding': 'base64' }),
    })
    response.flushHeaders()
    if (script.sse === 'silent') return
    for (let at = from; ;) {
      const fresh = script.appends.slice(at)
      at = script.appends.length
      const control = JSON.stringify({
        streamNextOffset: offsetOf(at),
        streamCursor: 'c1',
        upToDate: true,
        ...(script.closed && { streamClosed: true }),
        ...(script.closed && script.ending && { streamEnding: JSON.parse(script.ending) as unknown }),
      })
      const data = isJson() ? `[${fresh.join(',')}]` : join(fresh).toString('base64')
      const text =
        (fresh.length > 0 ? `event: data\r\ndata: ${data}\r\n\r\n` : '') + `event: control\r\ndata: ${control}\r\n\r\n`
      await writePieces(response, script.split?.(text) ?? [text])
      if (script.closed || script.sse === 'closes') return void response.end()
      await news()
    }
  }

  const server = await startScriptedServer(async (response, { url }) => {
    const query = new URL(url, 'http://a.test').searchParams
    const offset = query.get('offset') ?? '-1'
    const from = offset === 'now' ? script.appends.length : offset === '-1' ? script.earliest : Number(offset)
    const live = query.get('live')
    if (from < script.earliest) return void response.writeHead(410).end()
    if (live === 'sse') {
      reads.sse++
      return sse(response, from)
    }
    if (live === 'long-poll') {
      reads.longPoll++
      if (from === script.appends.length && !script.closed) await news()
    } else reads.plain++
    const to = Math.min(script.appends.length, from + script.pageAppends)
    const body = join(script.appends.slice(from, to))
    response.writeHead(200, {
      'content-type': script.contentType,
      'stream-next-offset': offsetOf(to),
      ...(to === script.appends.length && { 'stream-up-to-date': 'true' }),
      ...closedHeaders(to),
    })
    response.end(to === from && !isJson() ? '' : body)
  })

  return {
    ...server,
    script,
    reads,
    append(...texts) {
      script.appends.push(...texts)
      wake()
    },
    finish(ending) {
      script.closed = true
      script.ending = ending
      wake()
    },
    close: async () => {
      script.closed = true
      wake()
      await server.close()
    },
  }
}
