import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Whether this machine has a Redis to test with; CI must. */
export const hasRedis = process.env['CI'] === 'true' || spawnSync('redis-server', ['--version']).status === 0

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port.')
  return address.port
}

/** Between looks, in milliseconds. */
const LOOK_AGAIN_MS = 10

/**
 * Resolves once it answers. That something accepts connections is not enough: a Redis does so while it still reads its file, or waits for its disk;
 * and whoever calls a free port often enough is connected to itself.
 */
async function answering(port: number): Promise<void> {
  while (!(await isAnswering(port))) await delay(LOOK_AGAIN_MS)
}

async function isAnswering(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.write('PING\r\n')
    for await (const answer of socket) return String(answer).startsWith('+PONG')
    return false
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/**
 * When Redis flushes its file. With `no` every command is handed to the system before it is answered, and survives the death of the process; with
 * `everysec`, as most run it, only as long as the disk is quick: while a flush is under way, writes are put off for up to two seconds.
 */
type Flushes = 'no' | 'everysec'

/** A Redis of this test's own. */
export class RedisServer {
  readonly url: string
  readonly #port: number
  readonly #folder: string
  readonly #flushes: Flushes
  #process: ChildProcess | null = null

  private constructor(port: number, folder: string, flushes: Flushes) {
    this.#port = port
    this.#folder = folder
    this.#flushes = flushes
    this.url = `redis://127.0.0.1:${port}`
  }

  static async start(flushes: Flushes = 'no'): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'headwater-redis-')), flushes)
    await server.up()
    return server
  }

  /** Nothing where it is up already. */
  async up(): Promise<void> {
    if (this.#process !== null) return
    const settings = {
      port: this.#port,
      bind: '127.0.0.1',
      dir: this.#folder,
      appendonly: 'yes',
      appendfsync: this.#flushes,
      save: '',
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    this.#process = spawn('redis-server', args, { stdio: 'ignore' })
    await answering(this.#port)
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    const running = this.#process
    if (running === null) return
    this.#process = null
    running.kill('SIGKILL')
    await once(running, 'exit')
  }

  async close(): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
