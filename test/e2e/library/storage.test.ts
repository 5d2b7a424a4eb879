// Storage that fails in a real browser. The shared worker's own storage is reached through its origin.
import { rm } from 'node:fs/promises'
import { clearStorage, killHub, limitStorage } from '../harness/browser.ts'
import { copyPage } from '../harness/build-page.ts'
import { expect, test } from '../harness/fixtures.ts'
import type { Tab } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines, noise } from '../harness/truth.ts'

const UNIT = 32 * 1024

test('a full disk in mid-stream: all tabs read on and say that it is not stored, and once there is room it is', async ({
  upstream,
  tabs,
  context,
}) => {
  const makeRoom = await limitStorage(context, upstream.origin, 8 * UNIT)
  const chunks = noise(24, UNIT, upstream.random)
  const stream = upstream.script('full', { format: 'sse-ids', chunks, released: 1, ends: false })
  const two = await tabs(2)
  const [tab, other] = two
  if (tab === undefined || other === undefined) throw new Error('no tabs')
  await other.follow('full')
  await tab.send('full', { url: stream.path })
  await expectSeq(two, 'full', 1)
  for (const each of two) expect(await each.durable()).toBe(true)
  stream.release(17)
  await expectSeq(two, 'full', 18)
  for (const each of two) await expect.poll(() => each.durable()).toBe(false)
  expect(await tab.page.evaluate(async () => (await hw.hub.storage()).durable)).toBe(false)
  const [late] = await tabs(1)
  if (late === undefined) throw new Error('no tab')
  await late.follow('full')
  await expectSeq([late], 'full', 18)
  expect(await late.durable()).toBe(false)
  // The row of a new stream, too, has nowhere to go.
  const second = upstream.script('second', { format: 'sse-ids', chunks: noise(6, UNIT, upstream.random) })
  await late.send('second', { url: second.path })
  await expectWhole([late], 'second', second.truth.join(''))

  await makeRoom()
  stream.release()
  stream.end()
  const all = [tab, other, late]
  await expectWhole(all, 'full', stream.truth.join(''))
  for (const each of all) await expect.poll(() => each.durable(), { timeout: 30_000 }).toBe(true)
  // The next hub has nothing but what is stored.
  const boot = await tab.bootId()
  await killHub(context)
  await expect.poll(() => tab.bootId()).not.toBe(boot)
  const [later] = await tabs(1)
  if (later === undefined) throw new Error('no tab')
  for (const [name, { truth }] of [
    ['full', stream],
    ['second', second],
  ] as const) {
    await later.follow(name)
    await expectWhole([later], name, truth.join(''))
  }
  expect(stream.requests).toHaveLength(1)
})

/** What takes the database away under the hub that has it open, and how the hub hears of it. */
const TAKEN_AWAY = {
  // It is asked to close.
  'deleted by a page': (tab: Tab) =>
    tab.page.evaluate(
      () =>
        new Promise<void>((resolve, reject) => {
          const request = indexedDB.deleteDatabase('headwater-1')
          request.onsuccess = () => resolve()
          request.onerror = () => reject(request.error as DOMException)
        }),
    ),
  // It is closed.
  'thrown away with all data of the site': (tab: Tab) => clearStorage(tab.page, new URL(tab.page.url()).origin),
}

for (const [what, takeAway] of Object.entries(TAKEN_AWAY)) {
  test(`a database that is ${what} in mid-stream: every tab reads on, and a late one has what was in memory`, async ({
    upstream,
    tabs,
  }) => {
    const stream = upstream.script('gone', { format: 'sse-ids', chunks: lines(300), released: 100, ends: false })
    const two = await tabs(2)
    const [tab, other] = two
    if (tab === undefined || other === undefined) throw new Error('no tabs')
    await other.follow('gone')
    await tab.send('gone', { url: stream.path })
    await expectSeq(two, 'gone', 100)
    await takeAway(tab)
    stream.release()
    stream.end()
    await expectWhole(two, 'gone', stream.truth.join(''))
    const late = await tabs(1)
    for (const each of late) await each.follow('gone')
    await expectWhole(late, 'gone', stream.truth.join(''))
    for (const each of two) await expect.poll(() => each.durable()).toBe(true)
    expect(stream.requests).toHaveLength(1)
  })
}

test('a browser without IndexedDB: streams are live in every tab, late ones have all of it, and each says that nothing is stored', async ({
  upstream,
  tabs,
}) => {
  upstream.pageFolder = await copyPage({ hub: 'Object.defineProperty(globalThis, "indexedDB", { value: undefined });' })
  try {
    const stream = upstream.script('none', { format: 'sse-ids', chunks: lines(200), released: 50, ends: false })
    const two = await tabs(2)
    const [tab, other] = two
    if (tab === undefined || other === undefined) throw new Error('no tabs')
    await other.follow('none')
    await tab.send('none', { url: stream.path })
    await expectSeq(two, 'none', 50)
    for (const each of two) expect(await each.durable()).toBe(false)
    const [late] = await tabs(1)
    if (late === undefined) throw new Error('no tab')
    await late.follow('none')
    await late.verb('none', 'stop')
    for (const each of [...two, late]) await expect.poll(() => each.status('none')).toBe('stopped')
    await tab.verb('none', 'resume')
    stream.release()
    stream.end()
    await expectWhole([...two, late], 'none', stream.truth.join(''))
    expect(await tab.page.evaluate(async () => (await hw.hub.storage()).durable)).toBe(false)
  } finally {
    await rm(upstream.pageFolder, { recursive: true, force: true })
  }
})

test('a broken segment is a gap in the view and to a reader, between what can be read', async ({
  upstream,
  tabs,
  context,
}) => {
  const stream = upstream.script('broken', { format: 'sse-ids', chunks: lines(40), released: 40 })
  const [tab] = await tabs(1)
  if (tab === undefined) throw new Error('no tab')
  await tab.send('broken', { url: stream.path })
  await expectWhole([tab], 'broken', stream.truth.join(''))
  await tab.page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('headwater-1')
        opening.onsuccess = () => {
          const tx = opening.result.transaction('segments', 'readwrite')
          const cursor = tx.objectStore('segments').openCursor()
          cursor.onsuccess = () => void cursor.result?.update('rubbish')
          tx.oncomplete = () => {
            opening.result.close()
            resolve()
          }
          tx.onerror = () => reject(tx.error as DOMException)
        }
      }),
  )
  // Another life of the hub, which has nothing in memory.
  await tab.page.close()
  await expect.poll(() => context.pages().length).toBe(0)
  const [late] = await tabs(1)
  if (late === undefined) throw new Error('no tab')
  await late.page.evaluate(() => (hw.hub.info ? undefined : hw.hub.ready.then(() => undefined)))
  await late.follow('broken')
  await expect.poll(async () => (await late.view('broken')).streams.at(-1)?.ended).toBe(true)
  expect((await late.view('broken')).streams.at(-1)?.gaps).toBe(1)
  // The view is another reader of the log, and may come later.
  await expect
    .poll(() => late.page.evaluate(() => hw.follow('broken').gaps.map(({ reason }) => reason)))
    .toEqual(['damaged'])
})
