import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// What a page loads when it first needs it: here it is to take no turns of the event loop.
import '../../../src/client/content.ts'
import '../../../src/client/log-reader.ts'
import '../../../src/client/producer.ts'
import type { HubChannel } from '../../../src/client/hub-channel.ts'
import { until, World } from './world.ts'

let world: World

beforeEach(() => {
  world = new World()
  Object.assign(globalThis, { document: { baseURI: 'http://upstream.test/' } })
})

afterEach(() => world.close())

/** Turns of the event loop: whatever is on its way between threads arrives. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

async function write(channel: HubChannel, id: string, texts: string): Promise<void> {
  const sink = channel.start({ id })
  for (const text of texts) await sink.write(text)
  await sink.close()
}

describe('a stream that is deleted and started again under its id is another one', () => {
  it('I3: for a reader that had not taken all of the old one: it ends with `unknown-stream`', async () => {
    const page = world.openTab()
    const notes = page.channel('notes')
    const sink = notes.start({ id: 'x' })
    for (const text of 'abc') await sink.write(text)
    const reader = world.openTab().channel('notes').read({ streamId: 'x' })
    const chunks = reader[Symbol.asyncIterator]()
    const seen = [(await chunks.next()).value?.data]
    await sink.close()
    await page.connection.call((hub) => hub.forget({ streamId: 'x' }))
    world.clock.advance(1)
    await write(notes, 'x', '123456')
    const rest = (async () => {
      for await (const { data } of reader) seen.push(data)
    })()
    await expect(rest).rejects.toMatchObject({ code: 'unknown-stream' })
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  it('for a view that reads it through another hub, which hears of both at once', async () => {
    const view = world.openTab().channel('notes')
    void view.text
    await until(() => world.hasHub)
    await world.startHub()
    const page = world.openTab()
    await write(page.channel('notes'), 'x', 'abc')
    await until(() => view.done && view.text === 'abc', 'the view to have the first one')
    world.pingsLost = true
    await page.connection.call((hub) => hub.forget({ streamId: 'x' }))
    world.clock.advance(1)
    const sink = page.channel('notes').start({ id: 'x' })
    for (const text of '123456') await sink.write(text)
    world.pingsLost = false
    await sink.write('7')
    await sink.close()
    await until(() => view.done && view.seq === 7, 'the view to have the second one')
    expect(view.text).toBe('1234567')
  })

  it('for the view of the page that starts it, which is told first that it is there, and then that the old one is gone', async () => {
    const page = world.openTab()
    const notes = page.channel('notes')
    void notes.text
    await write(notes, 'x', 'abc')
    await until(() => notes.text === 'abc')
    await page.connection.call((hub) => hub.forget({ streamId: 'x' }))
    world.clock.advance(1)
    await write(notes, 'x', '12')
    await until(() => notes.done && notes.text === '12', 'the view to have the second one')
    await settle()
    expect(notes.state).toMatchObject({ streamId: 'x', text: '12', status: 'done' })
  })

  it('for a page that wrote the old one: its sink is lost, and writes nothing into the new one', async () => {
    const page = world.openTab()
    const old = page.channel('notes').start({ id: 'x' })
    await old.write('a')
    const other = world.openTab()
    await other.connection.call((hub) => hub.forget({ streamId: 'x' }))
    world.clock.advance(1)
    await until(() => old.signal.aborted, 'the old sink to hear of it')
    await write(other.channel('notes'), 'x', '1')
    await expect(old.write('b')).rejects.toMatchObject({ code: 'unknown-stream' })
  })

  it('where all happens in one millisecond, too', async () => {
    const page = world.openTab()
    const notes = page.channel('notes')
    void notes.text
    await write(notes, 'x', 'abc')
    await page.connection.call((hub) => hub.forget({ streamId: 'x' }))
    await write(notes, 'x', '1')
    await until(() => notes.done && notes.text === '1', 'the view to have the second one')
  })
})
