import { afterEach, expect, test, vi } from 'vitest'
import { ConversationController } from '../../../src/app/controllers/conversation-controller.ts'
import { HubChannel } from '../../../src/client/hub-channel.ts'
import type { Reply } from '../../../src/protocol/hub-port.ts'
import type { StreamInfo } from '../../../src/protocol/snapshot.ts'
import { info, Page, snapshot, texts } from '../client/scripted-hub.ts'
import { until } from '../hub/world.ts'

// What the controller needs of a browser, also where a frame comes after the test.
vi.stubGlobal('requestAnimationFrame', () => undefined)
vi.stubGlobal('cancelAnimationFrame', () => undefined)
vi.stubGlobal('document', { baseURI: 'https://app.test/' })

let page: Page

afterEach(() => page.close())

test('a conversation is complete once its history is there and the text of each answer, and is sent with the next message', async () => {
  page = new Page()
  const ended = { seq: 1, status: 'done', ending: { kind: 'done' } } as const
  const meta = { user: { id: 'u1', text: 'What is this?' }, answerId: 'a1' }
  let answer: (history: Reply<StreamInfo[]>) => void = () => undefined
  page.hub.streams = () => new Promise((resolve) => (answer = resolve))
  page.hub.attach = () => Promise.resolve({ ok: true, value: { snapshot: snapshot(ended), fromSeq: 1 } })
  const controller = new ConversationController({
    addController: () => undefined,
    removeController: () => undefined,
    requestUpdate: () => undefined,
    updateComplete: Promise.resolve(true),
  })
  const host = { connection: page.connection, givesHeaders: false, keepSecrets: () => undefined }
  const channel = new HubChannel({ ...host, secretsOf: () => undefined }, 'c', {})
  controller.follow(channel)
  await until(() => page.hub.attached.length > 0, 'the channel to be followed')
  expect(controller.complete).toBe(false)
  answer({ ok: true, value: [info({ ...ended, meta })] })
  const reads = (): boolean => page.hub.attached.some(({ streamId, chunks }) => streamId === 's' && chunks === true)
  await until(reads, 'the answer to be read')
  await until(() => controller.turns[0]?.state.streamId === 's', 'the state of the answer')
  expect(controller.complete).toBe(false)
  await page.hub.deliver(1, texts('A river.'), { snapshot: snapshot(ended) })
  expect(controller.complete).toBe(true)
  page.hub.streams = () => Promise.resolve({ ok: true, value: [] })
  await controller.send('And this?', null)
  const { messages } = JSON.parse(page.hub.starts[0]?.source?.body as string) as { messages: { parts: unknown[] }[] }
  expect(messages.map(({ parts }) => parts)).toEqual(
    ['What is this?', 'A river.', 'And this?'].map((text) => [{ type: 'text', text }]),
  )
})
