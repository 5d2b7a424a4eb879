import type { MessagePort as NodePort } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Connection } from '../../../src/client/connection.ts'
import { PageReader } from '../../../src/client/page-reader.ts'
import { backPorts } from '../../../src/client/hub-start.ts'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { FakeLocks } from '../../support/fake-locks.ts'
import { until } from '../hub/world.ts'
import { Page, ScriptedHub, snapshot, texts } from './scripted-hub.ts'

let page: Page | undefined

afterEach(() => {
  page?.close()
  vi.useRealTimers()
})

const gone = (): void => undefined

const stepped = (): void => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

describe('a page without a hub', () => {
  it('says so after three starts, to everybody who waits, and recovers by itself', async () => {
    stepped()
    page = new Page()
    page.fail = () => Promise.reject(new HeadwaterError('worker-failed', 'The script did not load.'))
    const ready = page.connection.connected()
    const pull = new PageReader(page.connection, 'c', {})[Symbol.asyncIterator]().next()
    const both = Promise.allSettled([ready, pull])
    for (let i = 0; i < 3; i++) await vi.advanceTimersByTimeAsync(1_500)
    expect(await both).toMatchObject([{ reason: { code: 'worker-failed' } }, { reason: { code: 'worker-failed' } }])
    await expect(page.connection.connected()).rejects.toMatchObject({ code: 'worker-failed' })
    page.fail = null
    page.connection.nudge()
    await until(() => page?.connection.info?.bootId === 'hub1')
    await expect(page.connection.connected()).resolves.toBeDefined()
  })

  it('gives a typed error also where the application’s own worker throws anything', async () => {
    stepped()
    page = new Page()
    page.fail = () => Promise.reject(new TypeError('no worker here'))
    const ready = page.connection.connected()
    const outcome = expect(ready).rejects.toMatchObject({
      code: 'worker-failed',
      message: expect.stringContaining('no worker here'),
    })
    for (let i = 0; i < 3; i++) await vi.advanceTimersByTimeAsync(1_500)
    await outcome
  })

  it('gives up at once where the versions do not meet, and tells who comes later too', async () => {
    const hub = new ScriptedHub('hub1')
    hub.welcome = () => Promise.resolve({ ok: false, error: { code: 'incompatible', message: 'Reload.' } })
    page = new Page(hub)
    await expect(page.connection.connected()).rejects.toMatchObject({ code: 'incompatible' })
    const late = new PageReader(page.connection, 'c', { streamId: 's' })
    await expect(late[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'incompatible' })
    expect(page.starts).toHaveLength(1)
  })
})

describe('rule 14: a hub that does not answer', () => {
  /** Time passes second by second, as it does for a page that runs. */
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      await vi.advanceTimersByTimeAsync(1_000)
      await settle()
    }
  }
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const silent = (): Promise<never> => new Promise(() => undefined)

  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] }))

  it('is left after the second hello without a welcome, told so, and its successor is told too', async () => {
    const stuck = new ScriptedHub('stuck')
    stuck.welcome = silent
    page = new Page(stuck)
    await pass(2)
    expect(page.abandoned).toEqual([])
    await pass(5)
    expect(page.abandoned).toEqual(['stuck'])
    expect(stuck.calls).toEqual(['retire'])
    page.hub = new ScriptedHub('next')
    await page.hub.live(page.locks)
    await pass(2)
    expect(page.connection.info?.bootId).toBe('next')
    expect(page.hub.left).toEqual([true])
    expect(stuck.left).toEqual([false, false])
  })

  it('is asked again soon: a first hello may have gone to one that was dying', async () => {
    const dying = new ScriptedHub('dying')
    dying.welcome = silent
    page = new Page(dying)
    await pass(1)
    page.hub = new ScriptedHub('alive')
    await page.hub.live(page.locks)
    await pass(1)
    expect(page.connection.info?.bootId).toBe('alive')
    expect(page.abandoned).toEqual([])
  })

  it('has its calls answered by the next one', async () => {
    page = new Page()
    const { connection, hub } = page
    await connection.connected()
    hub.ping = silent
    hub.streams = silent
    const asked = connection.call((port) => port.streams())
    const next = new ScriptedHub('hub2')
    await next.live(page.locks)
    page.hub = next
    await pass(9)
    expect(page.abandoned).toEqual(['hub1'])
    expect(hub.calls).toContain('retire')
    expect(await asked).toEqual([])
    expect(connection.info?.bootId).toBe('hub2')
    expect(next.left).toEqual([true])
    // It is forgotten with the hub that answers: a later one is not told.
    const third = new ScriptedHub('hub3')
    await page.replaceHub(third)
    next.die()
    await pass(1)
    expect(third.left).toEqual([false])
  })

  it('is not left by a hidden page, but by one that is shown again, a full deadline later', async () => {
    page = new Page()
    await page.connection.connected()
    page.hub.ping = silent
    page.visible = false
    await pass(30)
    expect(page.abandoned).toEqual([])
    page.visible = true
    await pass(5)
    expect(page.abandoned).toEqual([])
    await pass(3)
    expect(page.abandoned).toEqual(['hub1'])
  })

  it('is not left by a page whose own clock stood still: suspended, frozen, or busy', async () => {
    page = new Page()
    const { hub } = page
    await page.connection.connected()
    let answer: (() => void) | undefined
    hub.ping = () => new Promise((resolve) => (answer = () => resolve({ ok: true, value: null })))
    await pass(4)
    // The laptop was closed for an hour: one tick, late.
    vi.setSystemTime(Date.now() + 3_600_000)
    await pass(5)
    expect(page.abandoned).toEqual([])
    answer?.()
    await pass(5)
    expect(page.abandoned).toEqual([])
  })

  it('is not left while it answers, however slow its other answers are', async () => {
    page = new Page()
    const { connection, hub } = page
    await connection.connected()
    hub.streams = silent
    connection.call((port) => port.streams()).catch(() => undefined)
    await pass(60)
    expect(page.abandoned).toEqual([])
    expect(connection.info?.bootId).toBe('hub1')
  })

  it('is not blamed for a hello by a hidden page, which tries again all the same (rule 5)', async () => {
    const stuck = new ScriptedHub('stuck')
    stuck.welcome = silent
    page = new Page(stuck)
    page.visible = false
    await pass(20)
    expect(page.abandoned).toEqual([])
    expect(page.starts.length).toBeGreaterThan(2)
  })
})

describe('a hub that dies', () => {
  it('has its calls sent again to the next one', async () => {
    page = new Page()
    const { connection, hub } = page
    await connection.connected()
    hub.streams = () => new Promise(() => undefined)
    const asked = connection.call((port) => port.streams())
    await until(() => connection.info !== null)
    const next = new ScriptedHub('hub2')
    await page.replaceHub(next)
    expect(await asked).toEqual([])
    expect(connection.info?.bootId).toBe('hub2')
  })

  it('refuses no call that is made in the moment of its death', async () => {
    page = new Page()
    const { connection } = page
    await connection.connected()
    await page.replaceHub(new ScriptedHub('hub2'))
    const calls: Promise<unknown>[] = []
    // One between any two steps of letting the old hub go.
    for (let turn = 0; turn < 100; turn++) {
      calls.push(connection.call((port) => port.streams()))
      await Promise.resolve()
    }
    expect(await Promise.all(calls)).toEqual(calls.map(() => []))
    expect(connection.info?.bootId).toBe('hub2')
  })

  it('has its late batches dropped', async () => {
    page = new Page()
    const { connection, hub } = page
    const reader = new PageReader(connection, 'c', { streamId: 's' })
    await until(() => hub.attached.length === 1)
    const next = new ScriptedHub('hub2')
    await page.replaceHub(next)
    await until(() => next.attached.length === 1)
    expect(await next.deliver(1, texts('x'), { bootId: 'hub1' })).toBe(1)
    void next.deliver(1, texts('a'), { snapshot: snapshot({ seq: 1 }) })
    expect((await reader[Symbol.asyncIterator]().next()).value).toMatchObject({ data: 'a' })
  })
})

describe('a page that comes and goes', () => {
  it('lets go of everything for the back-forward cache, and comes back as another client', async () => {
    page = new Page()
    const { connection, locks, hub } = page
    await connection.connected()
    connection.pause()
    await until(() => connection.info === null)
    expect(locks.holders('headwater:hub:hub1')).toEqual(['hub1'])
    const calls = connection.call((port) => port.streams())
    connection.resume()
    expect(await calls).toEqual([])
    expect(page.starts).toHaveLength(2)
    expect(hub.bootId).toBe(connection.info?.bootId)
  })

  it('rests where it only shows, and comes back for whoever wants something', async () => {
    page = new Page()
    const { connection } = page
    await connection.connected()
    connection.add({
      shows: () => true,
      attach: () => Promise.resolve(),
      deliver: () => Promise.resolve(1),
      gone: () => Promise.resolve(),
      rewind: gone,
      failed: gone,
    })
    connection.rest()
    await until(() => connection.info === null)
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(page.starts).toHaveLength(1)
    expect(await connection.call((port) => port.streams())).toEqual([])
    expect(page.starts).toHaveLength(2)
    connection.rest()
    await until(() => connection.info === null)
    connection.nudge()
    await until(() => connection.info !== null)
  })

  it('does not rest while it reads, or waits for an answer', async () => {
    page = new Page()
    const { connection, hub } = page
    await connection.connected()
    const reader = connection.add({
      attach: () => Promise.resolve(),
      deliver: () => Promise.resolve(1),
      gone: () => Promise.resolve(),
      rewind: gone,
      failed: gone,
    })
    connection.rest()
    connection.remove(reader)
    let answer: (reply: { ok: true; value: [] }) => void = gone
    hub.streams = () => new Promise((resolve) => (answer = resolve))
    const asked = connection.call((port) => port.streams())
    await until(() => answer !== gone)
    connection.rest()
    answer({ ok: true, value: [] })
    expect(await asked).toEqual([])
    expect(page.starts).toHaveLength(1)
    connection.rest()
    await until(() => connection.info === null)
  })

  it('paused while it connects, it does not connect', async () => {
    page = new Page(new ScriptedHub('hub1'), false)
    page.connection.pause()
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(page.connection.info).toBeNull()
    page.connection.resume()
    await page.connection.connected()
  })

  it('paused while a hub starts, it closes the port that comes too late', async () => {
    let arrived: (port: MessagePort) => void = () => undefined
    const { port1, port2 } = new MessageChannel()
    const connection = new Connection({
      start: () =>
        new Promise(
          (resolve) => (arrived = (port) => resolve({ port, ...backPorts(), failed: new Promise(() => undefined) })),
        ),
      locks: new FakeLocks().agent('page'),
      givesHeaders: false,
      headers: () => Promise.resolve(null),
      visible: () => true,
    })
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
    connection.pause()
    let closed = false
    ;(port2 as unknown as NodePort).once('close', () => (closed = true))
    arrived(port1)
    await until(() => closed, 'the port to close')
    connection.close()
  })

  it('says bye when it closes, and refuses what comes later with `closed`', async () => {
    page = new Page()
    const { connection, hub } = page
    await connection.connected()
    connection.close()
    await expect(connection.connected()).rejects.toMatchObject({ code: 'closed' })
    await until(() => hub.calls.includes('bye'))
  })
})
