import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { now, token } from './pages/feed.ts'

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

/** The upstream: as many events as asked for, as fast as the socket takes them. */
async function sendEvents(response: ServerResponse, count: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  let part = ''
  for (let seq = 1; seq <= count; seq++) {
    part += `id: ${seq}\ndata: ${token(seq)}\n\n`
    if (part.length < 16_384) continue
    if (!response.write(part)) await new Promise((resolve) => response.once('drain', resolve))
    part = ''
  }
  response.end(`${part}data: [DONE]\n\n`)
}

/** One event every `paceMs` for as long as somebody reads, with the time at which it was sent; continues after the id that was read last. */
function sendStamps(response: ServerResponse, paceMs: number, lastEventId: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.flushHeaders()
  let seq = lastEventId
  const timer = setInterval(() => response.write(`id: ${++seq}\ndata: ${now()}\n\n`), paceMs)
  response.on('close', () => clearInterval(timer))
}

export interface BenchServer {
  url: string
  close(): void
}

/** Serves the built pages, and plays the upstream at `/events?count=` and `/stamps?pace=`. `/block?ms=` answers late. */
export async function startServer(folder: string): Promise<BenchServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname === '/events') {
      void sendEvents(response, Number(url.searchParams.get('count')))
      return
    }
    if (url.pathname === '/stamps') {
      sendStamps(response, Number(url.searchParams.get('pace')), Number(request.headers['last-event-id'] ?? 0))
      return
    }
    if (url.pathname === '/block') {
      setTimeout(() => response.end(), Number(url.searchParams.get('ms')))
      return
    }
    const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname)
    readFile(join(folder, path)).then(
      (body) => {
        response.writeHead(200, {
          'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
        })
        response.end(body)
      },
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
