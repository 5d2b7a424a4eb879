import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import '../../../src/client/content.ts'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import type { UpstreamRequest } from '../../../src/upstream/upstream.ts'
import { until, World } from './world.ts'

let world: World

beforeEach(() => {
  world = new World()
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(async () => {
  world.upstream.end()
  await world.close()
})

const http = (status: number, data: object = {}): HeadwaterError =>
  new HeadwaterError('http', `It answered ${status}.`, { status, ...data })

const tokenOf = ({ headers }: UpstreamRequest): string | undefined =>
  headers.find(([name]) => name === 'authorization')?.[1]

/** What upstream says to a request before it answers; remembers whom it turned away. */
function guard(refuse: (request: UpstreamRequest) => HeadwaterError | null): UpstreamRequest[] {
  const refused: UpstreamRequest[] = []
  const { connect } = world.upstream
  vi.spyOn(world.upstream, 'connect').mockImplementation((request, signal) => {
    const error = refuse(request)
    if (error === null) return connect(request, signal)
    refused.push(request)
    return Promise.reject(error)
  })
  return refused
}

const bearer = (token: string): [string, string][] => [['authorization', token]]

/** Turns of the event loop in which whatever can happen happens. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Time passes second by second until the condition holds. Returns the milliseconds. */
async function timeUntil(condition: () => boolean): Promise<number> {
  let seconds = 0
  for (; seconds < 120 && !condition(); seconds++) {
    world.clock.advance(1_000)
    await settle()
  }
  expect(condition()).toBe(true)
  return seconds * 1000
}

describe('headers that are refused', () => {
  const secret = { url: '/chat', headers: { authorization: 'old' } }

  it('are not used again: the tabs are asked once more, in the open, and the stream goes on', async () => {
    let give: (headers: [string, string][]) => void = () => undefined
    const asked = vi.fn(() => new Promise<[string, string][]>((resolve) => (give = resolve)))
    const tab = world.openTab(asked).channel('chat')
    void tab.text
    let good = 'old'
    const refused = guard((request) => (tokenOf(request) === good ? null : http(401)))
    await tab.send(secret)
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    good = 'new'
    world.upstream.cut()
    await timeUntil(() => asked.mock.calls.length > 0)
    await until(() => tab.waitingFor === 'credentials')
    expect(tab.ending).toBeNull()
    let answer: () => void = () => undefined
    world.upstream.slow = new Promise((resolve) => (answer = resolve))
    give(bearer('new'))
    await until(() => tab.waitingFor === undefined)
    answer()
    world.upstream.release('b')
    await until(() => tab.text === 'ab')
    expect(tab.waitingFor).toBeUndefined()
    world.upstream.cut()
    world.upstream.release('c')
    await timeUntil(() => tab.text === 'abc')
    expect(refused.map(tokenOf)).toEqual(['old'])
    expect(asked).toHaveBeenCalledTimes(1)
  })

  it('end the stream where those that a tab then gives are refused too', async () => {
    const asked = vi.fn(() => Promise.resolve(bearer('other')))
    const tab = world.openTab(asked).channel('chat')
    const refused = guard(() => http(403))
    await tab.send(secret)
    await until(() => tab.ending !== null)
    expect(tab.ending).toEqual({ kind: 'error', code: 'http' })
    expect(refused.map(tokenOf)).toEqual(['old', 'other'])
    expect(asked).toHaveBeenCalledTimes(1)
  })

  it('end the stream where no tab has others', async () => {
    const tab = world.openTab().channel('chat')
    const refused = guard(() => http(401))
    await tab.send(secret)
    await until(() => tab.ending !== null)
    expect(refused).toHaveLength(1)
  })

  it('end a stream that has no credentials at once, without a question', async () => {
    const asked = vi.fn(() => Promise.resolve(bearer('other')))
    const tab = world.openTab(asked).channel('chat')
    const refused = guard(() => http(401))
    await tab.open({ url: '/log' })
    await until(() => tab.ending !== null)
    expect(refused).toHaveLength(1)
    expect(asked).not.toHaveBeenCalled()
  })

  it('give way to a stop that comes while tabs are asked', async () => {
    const asked = vi.fn(() => new Promise<null>(() => undefined))
    const tab = world.openTab(asked).channel('chat')
    guard(() => http(401))
    await tab.send(secret)
    await until(() => tab.waitingFor === 'credentials')
    await tab.stop()
    await until(() => tab.status === 'stopped')
    expect(tab.ending).toBeNull()
  })

  it('are asked for anew where they expire in the middle of a response', async () => {
    const asked = vi.fn(() => Promise.resolve(bearer('new')))
    const tab = world.openTab(asked).channel('chat')
    void tab.text
    let good = 'old'
    guard((request) => (tokenOf(request) === good ? null : http(401)))
    await tab.send(secret)
    world.upstream.release('a')
    await until(() => tab.text === 'a')
    good = 'new'
    for (const socket of [...world.upstream.sockets]) socket.cut(http(401))
    world.upstream.release('b')
    await timeUntil(() => tab.text === 'ab')
    expect(asked).toHaveBeenCalledTimes(1)
  })

  it('end a stream that is let in and turned away again and again', async () => {
    const tab = world.openTab(() => Promise.resolve(bearer('new'))).channel('chat')
    await tab.send(secret)
    for (let turn = 0; turn < 10 && tab.ending === null; turn++) {
      await timeUntil(() => world.upstream.sockets.size > 0)
      await settle()
      for (const socket of [...world.upstream.sockets]) socket.cut(http(401))
      await settle()
    }
    expect(tab.ending).toEqual({ kind: 'error', code: 'http' })
  })
})

describe('a request that is not answered', () => {
  it('rule 8: is not sent again where that could run it twice, and keeps the stream for a retry', async () => {
    const tab = world.openTab().channel('chat')
    const unanswered = guard(() => new HeadwaterError('network', 'No head came.', { silent: true }))
    await tab.send({ url: '/chat', method: 'POST', body: { messages: [] } })
    await until(() => tab.status === 'disconnected')
    world.clock.advance(120_000)
    await settle()
    expect(unanswered).toHaveLength(1)
    expect(tab.ending).toBeNull()
    expect(tab.canRetry).toBe(true)
  })
})

describe('a server that says when to come back', () => {
  it.each([
    [20_000, 22_000, 24_000],
    // For hours: asked once a minute, and a little.
    [7_200_000, 67_000, 69_000],
  ])('after %i ms is asked no sooner, and at least about once a minute', async (retryAfter, soonest, latest) => {
    const tab = world.openTab().channel('build')
    void tab.text
    let busy = true
    const refused = guard(() => (busy ? http(503, { retryAfter }) : null))
    await tab.open({ url: '/log' })
    await until(() => refused.length === 1)
    await settle()
    busy = false
    world.upstream.release('a')
    const waited = await timeUntil(() => tab.text === 'a')
    expect(waited).toBeGreaterThanOrEqual(soonest)
    expect(waited).toBeLessThanOrEqual(latest)
    expect(refused).toHaveLength(1)
  })
})
