import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { until } from '../e2e/harness/poll.ts'

/** A WebDriver needs a port that is known before it starts. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** The command name and the parent of a process; `null` once it is gone. */
async function processOf(pid: number): Promise<{ name: string; parent: number } | null> {
  try {
    const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(await readFile(`/proc/${pid}/stat`, 'utf8')) ?? []
    return { name, parent: Number(rest.split(' ')[1]) }
  } catch {
    return null
  }
}

/**
 * WebKit as Debian has it: MiniBrowser under Xvfb, driven by plain WebDriver over HTTP. One session, whose profile is gone with it.
 * Commands go to one window at a time, so they take turns.
 */
export class WebKitBrowser {
  readonly #driver: ChildProcess
  readonly #origin: string
  #session = ''
  #turn: Promise<unknown> = Promise.resolve()
  #unused: string | null = null

  private constructor(driver: ChildProcess, origin: string) {
    this.#driver = driver
    this.#origin = origin
  }

  /** @throws {Error} with what the driver said, where it does not start */
  static async start(): Promise<WebKitBrowser> {
    const port = await freePort()
    // A group of its own, which ends as one: xvfb-run leaves its children behind.
    const driver = spawn('xvfb-run', ['-a', 'WebKitWebDriver', '--host=127.0.0.1', `--port=${port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    let said = ''
    driver.stderr?.on('data', (data: Buffer) => (said += data.toString()))
    driver.on('error', (error) => (said += String(error)))
    const browser = new WebKitBrowser(driver, `http://127.0.0.1:${port}`)
    try {
      await until('WebKitWebDriver', async () => {
        if (driver.exitCode !== null || driver.pid === undefined) throw new Error(`It ended by itself: ${said}`)
        return fetch(`${browser.#origin}/status`).then(
          () => true,
          () => null,
        )
      })
      const { sessionId } = (await browser.#call('POST', '/session', { capabilities: { alwaysMatch: {} } })) as {
        sessionId: string
      }
      browser.#session = `/session/${sessionId}`
      browser.#unused = (await browser.command('GET', '/window')) as string
    } catch (error) {
      await browser.close()
      throw error
    }
    return browser
  }

  async #call(method: string, path: string, body: object = {}): Promise<unknown> {
    const answer = await fetch(this.#origin + path, {
      method,
      ...(method === 'POST' && { body: JSON.stringify(body) }),
    })
    const { value } = (await answer.json()) as { value: unknown }
    if (!answer.ok) throw new Error(`WebDriver ${method} ${path}: ${JSON.stringify(value)}`)
    return value
  }

  /** One command of the session, in the given window if it is about one. */
  command(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, window?: string): Promise<unknown> {
    const run = async (): Promise<unknown> => {
      if (window !== undefined) await this.#call('POST', `${this.#session}/window`, { handle: window })
      return this.#call(method, this.#session + path, body)
    }
    const result = this.#turn.then(run)
    this.#turn = result.catch(() => undefined)
    return result
  }

  /** A tab at `url`. The first one is the window that every session starts with. */
  async open(url: string): Promise<WebKitWindow> {
    const unused = this.#unused
    this.#unused = null
    const handle = unused ?? ((await this.command('POST', '/window/new', { type: 'tab' })) as { handle: string }).handle
    const window = new WebKitWindow(this, handle)
    await window.goto(url)
    return window
  }

  /** Processes in which pages and their workers run. */
  async webProcesses(): Promise<number[]> {
    const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0)
    const all = new Map(await Promise.all(pids.map(async (pid) => [pid, await processOf(pid)] as const)))
    const isOurs = (pid: number): boolean => {
      const parent = all.get(pid)?.parent
      return parent !== undefined && parent > 1 && (parent === this.#driver.pid || isOurs(parent))
    }
    // The kernel keeps the first fifteen characters of a name.
    return pids.filter((pid) => all.get(pid)?.name.startsWith('WebKitWebProces') === true && isOurs(pid))
  }

  async close(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#driver
    if (this.#session !== '') await this.#call('DELETE', this.#session).catch(() => undefined)
    if (pid === undefined || exitCode !== null || signalCode !== null) return
    const closed = new Promise((resolve) => this.#driver.once('close', resolve))
    process.kill(-pid, 'SIGKILL')
    await closed
  }
}

/** A tab, by its window handle. */
export class WebKitWindow {
  readonly #browser: WebKitBrowser
  readonly #handle: string

  constructor(browser: WebKitBrowser, handle: string) {
    this.#browser = browser
    this.#handle = handle
  }

  async goto(url: string): Promise<void> {
    await this.#browser.command('POST', '/url', { url }, this.#handle)
  }

  async reload(): Promise<void> {
    await this.#browser.command('POST', '/refresh', {}, this.#handle)
  }

  async close(): Promise<void> {
    await this.#browser.command('DELETE', '/window', {}, this.#handle)
  }

  /**
   * What `run` answers with in the page. It is sent as text, so it must need nothing from outside but its argument.
   * @throws {Error} with the page's own message where it fails
   */
  async evaluate<R, A = undefined>(run: (argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    const script = `const [argument, done] = arguments
      Promise.resolve(argument).then(${run.toString()}).then((value) => done({ value }), (error) => done({ error: String(error) }))`
    const body = { script, args: [argument ?? null] }
    const { value, error } = (await this.#browser.command('POST', '/execute/async', body, this.#handle)) as {
      value: R
      error?: string
    }
    if (error !== undefined) throw new Error(error)
    return value
  }
}
