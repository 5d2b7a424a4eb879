// Storage that fails in a real browser. The shared worker's own storage is reached through its origin.
import { expect, test } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

test('a database that is deleted in mid-stream: every tab reads on, and a late one has what was in memory', async ({
  upstream,
  tabs,
}) => {
  const stream = upstream.script('deleted', { format: 'sse-ids', chunks: lines(300), released: 100, ends: false })
  const two = await tabs(2)
  const [tab, other] = two
  if (tab === undefined || other === undefined) throw new Error('no tabs')
  await other.follow('deleted')
  await tab.send('deleted', { url: stream.path })
  await expectSeq(two, 'deleted', 100)
  await tab.page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.deleteDatabase('headwater-1')
        request.onsuccess = () => resolve()
        request.onerror = () => reject(request.error as DOMException)
      }),
  )
  stream.release()
  stream.end()
  await expectWhole(two, 'deleted', stream.truth.join(''))
  const late = await tabs(1)
  for (const each of late) await each.follow('deleted')
  await expectWhole(late, 'deleted', stream.truth.join(''))
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
  expect(await late.page.evaluate(() => hw.follow('broken').gaps.map(({ reason }) => reason))).toEqual(['damaged'])
})
