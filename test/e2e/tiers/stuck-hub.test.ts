// Rule 14, in real workers: a hub that spins keeps its locks and answers nobody.
import { leaderOf, spinHub } from '../harness/browser.ts'
import { expect, test } from '../harness/fixtures.ts'
import { expectSeq, expectWhole, lines } from '../harness/truth.ts'

/** Longer than tabs and the next hub need to leave and rob it, shorter than the test waits for its end. */
const SPIN_MS = 20_000

for (const tier of ['shared-worker', 'leader-tab'] as const) {
  test.describe(`a hub that spins (${tier})`, () => {
    test.use({ tier })
    test('is left by two visible tabs for one other hub, which goes on: same bytes, one reader in the end, the epoch rises once', async ({
      upstream,
      tabs,
      context,
    }) => {
      test.setTimeout(120_000)
      const stream = upstream.script('stuck', { format: 'sse-ids', chunks: lines(300), released: 100, ends: false })
      const two = await tabs(2)
      const [first, second] = two
      if (first === undefined || second === undefined) throw new Error('no tabs')
      await second.follow('stuck')
      await first.send('stuck', { url: stream.path })
      await expectSeq(two, 'stuck', 100)
      const boot = await first.bootId()
      const epoch = await first.epoch('stuck')
      await spinHub(context, SPIN_MS)
      await expect
        .poll(() =>
          first.page.evaluate(() =>
            Promise.race([
              hw.hub.streams().then(() => 'answers'),
              new Promise((resolve) => setTimeout(resolve, 300, 'is silent')),
            ]),
          ),
        )
        .toBe('is silent')
      stream.release(100)
      // Of the one that spins nothing comes: these are the next hub's.
      for (const tab of two) {
        await expect.poll(() => tab.seq('stuck'), { timeout: SPIN_MS }).toBe(200)
      }
      const next = await first.bootId()
      expect(next).not.toBe(boot)
      expect(await second.bootId()).toBe(next)
      expect(await first.epoch('stuck')).toBe(epoch + 1)
      // The one that spun has closed its connection.
      await expect.poll(() => stream.open, { timeout: 2 * SPIN_MS }).toBe(1)
      stream.release()
      stream.end()
      await expectWhole(two, 'stuck', stream.truth.join(''))
      expect(stream.requests.map((request) => request.lastEventId)).toEqual([null, '100'])
      expect(await first.epoch('stuck')).toBe(epoch + 1)
      // A tab that comes later meets them.
      const [late] = await tabs(1)
      expect(await late?.bootId()).toBe(next)
      if (tier === 'leader-tab') expect((await leaderOf(context)).page).toBe(second.page)
    })
  })
}
