import { afterEach, beforeEach, expect, it } from 'vitest'
import { StreamWatch } from '../../../src/client/stream-watch.ts'
import type { StreamInfo } from '../../../src/protocol/snapshot.ts'
import { until } from '../hub/world.ts'
import { info, Page, ScriptedHub } from './scripted-hub.ts'

let page: Page
let watch: StreamWatch
let seen: (readonly StreamInfo[])[]

beforeEach(() => {
  page = new Page()
  watch = new StreamWatch(page.connection)
  seen = []
})

afterEach(() => page.close())

const last = (): string[] => (seen.at(-1) ?? []).map(({ streamId, seq }) => `${streamId}${seq}`)

it('tells all streams, oldest first, and each change', async () => {
  page.hub.streams = () =>
    Promise.resolve({ ok: true, value: [info({ streamId: 'b', createdAt: 2 }), info({ streamId: 'a', createdAt: 1 })] })
  const off = watch.add((streams) => seen.push(streams))
  await until(() => seen.length === 1)
  expect(last()).toEqual(['a0', 'b0'])
  await page.hub.tab?.streamChanged('a', info({ streamId: 'a', createdAt: 1, seq: 7, version: 2 }))
  expect(last()).toEqual(['a7', 'b0'])
  await page.hub.tab?.streamChanged('b', null)
  expect(last()).toEqual(['a7'])
  off()
  await until(() => page.hub.calls.includes('watch false'))
})

it('loses no change that is told while the list is under way', async () => {
  let answer: () => void = () => undefined
  const asked = new Promise<void>((resolve) => (answer = resolve))
  let isAsked = false
  page.hub.streams = async () => {
    isAsked = true
    await asked
    return { ok: true, value: [info({ streamId: 'a', version: 1 }), info({ streamId: 'b', version: 1 })] }
  }
  watch.add((streams) => seen.push(streams))
  await until(() => isAsked)
  await page.hub.tab?.streamChanged('a', info({ streamId: 'a', seq: 9, version: 4 }))
  await page.hub.tab?.streamChanged('b', null)
  answer()
  await until(() => seen.length > 0)
  expect(last()).toEqual(['a9'])
})

it('asks the next hub anew', async () => {
  watch.add((streams) => seen.push(streams))
  await until(() => seen.length === 1)
  const next = new ScriptedHub('hub2')
  next.streams = () => Promise.resolve({ ok: true, value: [info({ streamId: 'n' })] })
  await page.replaceHub(next)
  await until(() => last()[0] === 'n0')
  expect(next.calls).toContain('watch true')
})

it('given an aborted signal, it tells nothing', async () => {
  watch.add((streams) => seen.push(streams), { signal: AbortSignal.abort() })
  await page.connection.connected()
  expect(seen).toEqual([])
})
