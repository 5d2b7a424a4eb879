import { expect } from '@playwright/test'
import type { View } from '../page/page.ts'

/** What shows a channel: a tab, in whatever engine. */
export interface Viewer {
  view(channel: string): Promise<View>
  /** The status that it shows. */
  status(channel: string): Promise<string>
  /** The seq that it shows. */
  seq(channel: string): Promise<number>
}

/** Lines `line 1` to `line <count>`, as chunks of text. */
export function lines(count: number, word = 'line'): string[] {
  return Array.from({ length: count }, (_, i) => `${word} ${i + 1} ✓\n`)
}

/** Units of so many characters that no compression makes smaller by much: storage counts them in full. */
export function noise(count: number, length: number, random: () => number): string[] {
  const unit = (): string => {
    let text = ''
    while (text.length < length) text += Math.floor(random() * 2 ** 32).toString(36)
    return text.slice(0, length)
  }
  return Array.from({ length: count }, unit)
}

/** Every tab shows the whole truth in its newest stream of a channel: each byte once, in order, nothing missing; and knows that it is done. */
export async function expectWhole(tabs: readonly Viewer[], channel: string, truth: string): Promise<void> {
  for (const tab of tabs) {
    await expect.poll(() => tab.status(channel), { timeout: 30_000 }).toBe('done')
    await expect.poll(async () => (await tab.view(channel)).streams.at(-1)?.ended).toBe(true)
    await expectPrefix(tab, channel, truth)
    const view = await tab.view(channel)
    expect(view.streams.at(-1)?.text).toBe(truth)
  }
}

/** What a tab shows now is a prefix of the truth, without duplicate, hole or gap (I3). */
export async function expectPrefix(tab: Viewer, channel: string, truth: string): Promise<void> {
  const stream = (await tab.view(channel)).streams.at(-1)
  if (stream === undefined) return
  expect(stream.contiguous, 'seqs are contiguous').toBe(true)
  expect(stream.gaps, 'gaps').toBe(0)
  expect(stream.error, 'the reader’s error').toBeNull()
  if (truth.startsWith(stream.text)) return
  // The surroundings of the first difference alone: the report would be as long as the stream.
  let at = 0
  while (truth[at] === stream.text[at]) at++
  const near = (text: string): string => text.slice(Math.max(0, at - 40), at + 80)
  expect(near(stream.text), `what is shown is a prefix of the truth; it differs at ${at}`).toBe(near(truth))
}

/** Waits until every tab shows at least `seq` chunks. */
export async function expectSeq(tabs: readonly Viewer[], channel: string, seq: number): Promise<void> {
  for (const tab of tabs) await expect.poll(() => tab.seq(channel)).toBeGreaterThanOrEqual(seq)
}
