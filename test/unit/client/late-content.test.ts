import { afterEach, expect, it, vi } from 'vitest'
import { LogCursor } from '../../../src/client/log-cursor.ts'
import { View } from '../../../src/client/view.ts'
import type { Batch } from '../../../src/protocol/hub-port.ts'
import { until } from '../hub/world.ts'
import { Page, ScriptedHub, snapshot, texts } from './scripted-hub.ts'

// What builds the text is being loaded, over a slow network or in a busy machine, until the test says that it has come.
const content = vi.hoisted(() => {
  let come: () => void = () => undefined
  return { loading: new Promise<void>((resolve) => (come = resolve)), come }
})
vi.mock('../../../src/client/content.ts', async (importOriginal) => {
  await content.loading
  return importOriginal()
})

let page: Page

afterEach(() => page.close())

/** A few turns of the event loop, in which whatever can happen happens. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

it('what came of a stream before its text could be built is not shown as the text of the next one', async () => {
  page = new Page()
  const { hub, connection } = page
  const view = new View(connection, 'c', null)
  void view.state.text
  await until(() => hub.attached.some(({ chunks }) => chunks === true), 'the view to ask for chunks')
  const late = hub.deliver(1, texts('old'), { snapshot: snapshot({ seq: 1 }) })
  await settle()
  const next = snapshot({ streamId: 't', createdAt: 2, status: 'connecting' })
  view.learn(next)
  content.come()
  await late
  expect(view.state).toMatchObject({ streamId: 't', status: 'connecting', seq: 0, text: '' })
  await hub.deliver(1, texts('new'), { streamId: 't', createdAt: 2, snapshot: { ...next, seq: 1 } })
  expect(view.state).toMatchObject({ streamId: 't', seq: 1, text: 'new' })
})

it('a batch that waited while its hub died is not applied: what was in memory alone its successor does not have', async () => {
  const hub = new ScriptedHub('hub1')
  hub.welcome = () =>
    Promise.resolve({ ok: true, value: { protocol: 1, bootId: 'hub1', durable: false, tier: 'shared-worker' } })
  page = new Page(hub)
  let ready: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => (ready = resolve))
  const batches: Pick<Batch, 'bootId' | 'fromSeq' | 'toSeq'>[] = []
  new LogCursor(page.connection, {
    channel: 'c',
    streamId: null,
    from: 1,
    chunks: true,
    ready: () => waiting,
    batch: ({ bootId, fromSeq, toSeq }) => void batches.push({ bootId, fromSeq, toSeq }),
    reset: () => undefined,
    snapshot: () => undefined,
    failed: () => undefined,
  })
  await until(() => hub.attached.length === 1)
  void hub.deliver(1, texts('lost', 'too'), { snapshot: snapshot({ seq: 2 }) })
  await settle()
  const next = new ScriptedHub('hub2')
  await page.replaceHub(next)
  await until(() => next.attached.length === 1)
  const delivered = next.deliver(1, texts('kept'), { snapshot: snapshot({ seq: 1 }) })
  ready()
  expect(await delivered).toBe(2)
  expect(batches).toEqual([{ bootId: 'hub2', fromSeq: 1, toSeq: 2 }])
})
