import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** One buffer for everything that arrives: it is read before the next read. */
const INTO = Buffer.allocUnsafe(256 * 1024)

/** A socket without any client library on it, so that the load's own work is small. `onBytes` must be done with the bytes when it returns. */
export async function openSocket(url: string, onBytes: (bytes: Buffer) => void): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    onread: {
      buffer: INTO,
      callback: (count) => {
        onBytes(INTO.subarray(0, count))
        return true
      },
    },
  })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket
}

/** A request without a body. */
export function requestHead(method: string, url: string, headers: readonly string[] = []): string {
  const { host, pathname, search } = new URL(url)
  return [`${method} ${pathname}${search} HTTP/1.1`, `Host: ${host}`, ...headers, '', ''].join('\r\n')
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** Sends appends on one kept connection, one after the other. */
export class Appender {
  readonly #socket: Socket
  readonly #url: string
  #answered: ((error: Error | null) => void) | null = null

  private constructor(socket: Socket, url: string) {
    this.#socket = socket
    this.#url = url
  }

  static async open(url: string): Promise<Appender> {
    const hear: { bytes: (bytes: Buffer) => void } = { bytes: () => undefined }
    const appender = new Appender(await openSocket(url, (bytes) => hear.bytes(bytes)), url)
    let head = ''
    hear.bytes = (bytes) => {
      // Answers to appends have no body: the head is all of it. Almost always it comes in one piece.
      const whole = head === '' && bytes.indexOf(HEAD_END) === bytes.length - HEAD_END.length
      head += bytes.toString('latin1', 0, whole ? 12 : bytes.length)
      if (!whole && !head.endsWith('\r\n\r\n')) return
      const error = head.startsWith('HTTP/1.1 204') ? null : new Error(`An append was answered with ${head}`)
      head = ''
      appender.#answered?.(error)
    }
    appender.#socket.once('close', () => appender.#answered?.(new Error('The server closed the connection.')))
    return appender
  }

  append(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#answered = (error) => {
        this.#answered = null
        if (error === null) resolve()
        else reject(error)
      }
      const headers = ['Content-Type: text/plain', `Content-Length: ${text.length}`]
      this.#socket.write(requestHead('POST', this.#url, headers) + text, 'latin1')
    })
  }

  close(): void {
    this.#answered = null
    this.#socket.destroy()
  }
}
