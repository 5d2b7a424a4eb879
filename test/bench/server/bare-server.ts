import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bareEvent } from './messages.ts'

/** The least that a Node server can do for this load: it keeps bytes in memory and writes them to whoever listens. */
export async function startBareServer(): Promise<string> {
  const listeners = new Set<ServerResponse>()
  let log: Buffer[] = []
  let whole = Buffer.alloc(0)

  async function append(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    log.push(body)
    const event = Buffer.from(bareEvent(body.toString()))
    for (const listener of listeners) listener.write(event)
    response.writeHead(204).end()
  }

  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      void append(request, response)
    } else if (request.method === 'PUT') {
      response.writeHead(201).end()
    } else if (request.url?.includes('live=sse') === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      listeners.add(response)
      response.once('close', () => listeners.delete(response))
    } else {
      if (log.length > 0) whole = Buffer.concat([whole, ...log])
      log = []
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': whole.byteLength }).end(whole)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
