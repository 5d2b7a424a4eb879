import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as the server saw it. */
export interface SeenRequest {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
}

/** What a script does with one request: `count` is 1 for the first. */
export type Script = (response: ServerResponse, request: SeenRequest, count: number) => void | Promise<void>

/** A real server on a free port whose every answer is written by the test. */
export interface ScriptedServer {
  /** Without a slash at the end. */
  url: string
  requests: SeenRequest[]
  close(): Promise<void>
}

async function readAll(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}

/** Starts a server that answers by script. */
export async function startScriptedServer(script: Script): Promise<ScriptedServer> {
  const requests: SeenRequest[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const seen = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: await readAll(request),
      }
      requests.push(seen)
      await script(response, seen, requests.length)
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Writes pieces as packets of their own: each is flushed to the socket before the next one. */
export async function writePieces(response: ServerResponse, pieces: readonly (string | Uint8Array)[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise<void>((resolve) => response.write(piece, () => resolve()))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Cuts the connection without finishing the answer, as a dying server does. */
export function cut(response: ServerResponse): void {
  response.socket?.destroy()
}
