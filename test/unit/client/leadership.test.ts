import { afterEach, describe, expect, it } from 'vitest'
import { Leadership, type LeaderWorker } from '../../../src/client/leadership.ts'
import { acquireLock, type HeldLock } from '../../../src/liveness/locks.ts'
import { hubLock, LEADER_LOCK } from '../../../src/protocol/names.ts'
import { FakeLocks } from '../../support/fake-locks.ts'
import { until } from '../hub/world.ts'

/** A hub's worker as its tab sees it: holds the hub's lock until it ends. */
class FakeWorker implements LeaderWorker {
  onerror: LeaderWorker['onerror'] = null
  onmessage: LeaderWorker['onmessage'] = null
  readonly bootId: string
  terminated = false
  #lock: Promise<HeldLock>

  constructor(locks: FakeLocks, bootId: string) {
    this.bootId = bootId
    this.#lock = acquireLock(locks.agent(bootId), hubLock(bootId))
    void this.#lock.then(() => this.onmessage?.call(this as never, new MessageEvent('message', { data: bootId })))
  }

  terminate(): void {
    this.terminated = true
    void this.#lock.then((lock) => lock.release())
  }

  /** It ends alone. */
  end(): void {
    void this.#lock.then((lock) => lock.release())
  }
}

let locks = new FakeLocks()
const workers: FakeWorker[] = []

afterEach(() => {
  locks = new FakeLocks()
  workers.length = 0
})

const page = (tag: string): Leadership =>
  new Leadership(locks.agent(tag), () => {
    const worker = new FakeWorker(locks, `${tag}-${workers.length}`)
    workers.push(worker)
    return worker
  })

/** Pages that are in line, in this order; the first leads. */
async function line(...tags: string[]): Promise<Leadership[]> {
  const pages = tags.map((tag) => page(tag))
  for (const each of pages) each.join()
  await until(() => workers.length === 1)
  return pages
}

const leaders = (): string[] => locks.holders(LEADER_LOCK)
const running = (): string[] => workers.filter(({ terminated }) => !terminated).map(({ bootId }) => bootId)

describe('the line for the leader tab', () => {
  it('has one leader, whoever joins and however often', async () => {
    const [first, second] = await line('a', 'b')
    first?.join()
    second?.join()
    await until(() => locks.waiters(LEADER_LOCK).length === 1)
    expect(leaders()).toEqual(['a'])
    expect(first?.leads).toBe(true)
    expect(second?.leads).toBe(false)
    expect(running()).toEqual(['a-0'])
  })

  it('promotes the next when the leader is gone, without a word of it', async () => {
    await line('a', 'b', 'c')
    locks.kill('a')
    await until(() => workers.length === 2)
    expect(leaders()).toEqual(['b'])
  })

  it('promotes the next when the leader leaves for the back-forward cache, and ends its worker before', async () => {
    const [first] = await line('a', 'b')
    first?.leave()
    expect(workers[0]?.terminated).toBe(true)
    await until(() => workers.length === 2)
    expect(leaders()).toEqual(['b'])
    first?.join()
    await until(() => locks.waiters(LEADER_LOCK).length === 1)
    expect(running()).toEqual(['b-1'])
  })

  it('gives the lock back where it comes after the page has left', async () => {
    const [first, second] = await line('a', 'b')
    second?.leave()
    first?.leave()
    await until(() => leaders().length === 0)
    expect(running()).toEqual([])
    expect(second?.leads).toBe(false)
  })

  it('starts another worker where one ends alone', async () => {
    await line('a')
    workers[0]?.end()
    await until(() => workers.length === 2)
    expect(leaders()).toEqual(['a'])
    expect(running()).toEqual(['a-1'])
  })

  it('does not keep a leader whose script cannot be loaded, and tells its page', async () => {
    const [first] = await line('a', 'b')
    const codes: string[] = []
    if (first) first.onfailed = ({ code }) => codes.push(code)
    workers[0]?.onerror?.call(workers[0] as never, new Event('error') as ErrorEvent)
    expect(codes).toEqual(['reload-needed'])
    await until(() => workers.length === 2)
    expect(leaders()).toEqual(['b'])
  })

  it('keeps a leader whose worker throws: a running hub reports its own errors', async () => {
    const [first] = await line('a')
    const event = Object.assign(new Event('error'), { message: 'oops' }) as ErrorEvent
    workers[0]?.onerror?.call(workers[0] as never, event)
    expect(first?.leads).toBe(true)
    expect(workers[0]?.terminated).toBe(false)
  })
})

describe('rule 14: a leader whose hub does not answer', () => {
  it('is robbed by the tab that waited, and its worker ended', async () => {
    const [, second] = await line('a', 'b', 'c')
    await second?.rob('a')
    await until(() => workers.length === 2)
    expect(leaders()).toEqual(['b'])
    expect(second?.leads).toBe(true)
    await until(() => workers[0]?.terminated === true)
  })

  it('is robbed once, however many tabs waited for it', async () => {
    const [, second, third] = await line('a', 'b', 'c')
    await Promise.all([second?.rob('a'), third?.rob('a')])
    expect(leaders()).toEqual(['b'])
    expect(running()).toEqual(['b-1'])
    // The third is in line still.
    locks.kill('b')
    await until(() => leaders()[0] === 'c')
  })

  it('is not robbed where another leads by now, or nobody is known to have led', async () => {
    const [, second] = await line('a', 'b')
    await second?.rob('x')
    await second?.rob(undefined)
    expect(leaders()).toEqual(['a'])
    expect(running()).toEqual(['a-0'])
  })

  it('gives way where it is the tab that waited', async () => {
    const [first] = await line('a', 'b')
    await first?.rob('a')
    expect(workers[0]?.terminated).toBe(true)
    await until(() => leaders()[0] === 'b')
  })

  it('wakes up to another leader, and gets in line again', async () => {
    const [first, second] = await line('a', 'b')
    await second?.rob('a')
    await until(() => first?.leads === false)
    first?.join()
    await until(() => locks.waiters(LEADER_LOCK).includes('a'))
    expect(running()).toEqual(['b-1'])
  })
})
