import { connectHub } from '../../../src/client/index.ts'
import type { Channel, Hub } from '../../../src/client/index.ts'
import type { Feed } from './feed.ts'
import { now } from './feed.ts'

let hub: Hub | undefined

/** The hub of this page, on its way or there. */
export function connecting(): Hub {
  return (hub ??= connectHub({
    worker: (generation) =>
      new SharedWorker(new URL('./hub-worker.ts', import.meta.url), {
        type: 'module',
        name: `hub:${generation}`,
        // As the library's own.
        extendedLifetime: true,
      } as WorkerOptions),
  }))
}

/** The same, connected. */
export async function connected(): Promise<Hub> {
  const hub = connecting()
  await hub.ready
  return hub
}

/** Address of a feed that the worker produces itself. */
export function feedUrl({ count, kind, paceMs, perRead = 1 }: Feed): string {
  return `http://feed.invalid/?count=${count}&kind=${kind}&pace=${paceMs}&read=${perRead}`
}

/** Follows a channel as an application does, text included, until `count` chunks are there. Answers with the time of the last one. */
export function untilSeq(channel: Channel, count: number, each?: (text: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const { state } = channel
      const { text, seq, failure } = state
      each?.(text)
      // Asking for the text replaces the view's cursor; the word of the one that went is no failure.
      if (failure && failure.code !== 'closed') reject(failure)
      // Chunks count only once the view has them, and a view has them only once its text was asked for.
      if (seq >= count && text !== '') {
        off()
        resolve(now())
      }
    }
    const off = channel.subscribe(look)
    look()
  })
}
