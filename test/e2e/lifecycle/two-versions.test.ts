// A page of an earlier release beside one of a later: two hubs, one stream.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPage, PAGE_FOLDER } from '../harness/build-page.ts'
import { hubsOf, killHub } from '../harness/browser.ts'
import { chromiumOnly } from '../harness/engines.ts'
import { expect, test } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

test('fault 30: old tab with old hub, new tab with new hub: one connection, verbs from both, and the follower takes over when the owner dies', async ({
  upstream,
  tabs,
  context,
}) => {
  chromiumOnly('kill one hub of two')
  const later = await mkdtemp(join(tmpdir(), 'headwater-later-'))
  try {
    await buildPage(later, '2')
    // As deployments do that leave the scripts of earlier releases in place.
    await cp(join(PAGE_FOLDER, 'assets'), join(later, 'assets'), { recursive: true, force: false })
    const stream = upstream.script('two', { format: 'sse-ids', chunks: lines(200), released: 50, ends: false })
    const [old] = await tabs(1)
    if (old === undefined) throw new Error('no tab')
    await old.send('two', { url: stream.path })
    await expectSeq([old], 'two', 50)
    const [oldHub] = await hubsOf(context)
    upstream.pageFolder = later
    const [young] = await tabs(1)
    if (young === undefined || oldHub === undefined) throw new Error('no tab')
    await young.follow('two')
    const both = [old, young]
    await expectSeq(both, 'two', 50)
    expect(await young.bootId()).not.toBe(await old.bootId())
    stream.release(20)
    await expectSeq(both, 'two', 70)
    expect(stream.requests).toHaveLength(1)

    await young.verb('two', 'stop')
    for (const tab of both) await expect.poll(() => tab.status('two')).toBe('stopped')
    await expect.poll(() => stream.open).toBe(0)
    await old.verb('two', 'resume')
    stream.release(20)
    await expectSeq(both, 'two', 90)

    expect(stream.mostOpen).toBe(1)

    // From here on the server may see the dead hub's connection a little longer than the next one's first moment.
    await killHub(context, [oldHub])
    stream.release()
    stream.end()
    await expectWhole(both, 'two', stream.truth.join(''))
  } finally {
    await rm(later, { recursive: true, force: true })
  }
})
