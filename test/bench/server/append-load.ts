import type { AppendJob, AppendResult } from './messages.ts'
import { Appender } from './raw-client.ts'

const TEXT = 'x'.repeat(100)
/** Milliseconds before anything is counted. */
const WARM_UP_MS = 1000

/** As many appends as are answered. */
export async function loadAppends({ urls, connections, seconds }: AppendJob): Promise<AppendResult> {
  const appenders = await Promise.all(
    Array.from({ length: connections }, (_, i) => Appender.open(urls[i % urls.length] ?? '')),
  )
  let count = 0
  let answered = 0
  const start = performance.now() + WARM_UP_MS
  const end = start + seconds * 1000
  await Promise.all(
    appenders.map(async (appender) => {
      for (;;) {
        await appender.append(TEXT)
        answered += 1
        const now = performance.now()
        if (now >= end) return
        if (now >= start) count += 1
      }
    }),
  )
  for (const appender of appenders) appender.close()
  return { perSecond: count / seconds, answered }
}
