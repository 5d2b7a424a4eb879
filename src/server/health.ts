import type { Hono } from 'hono'
import { answerJson, refuse } from './answers.ts'
import type { ServerContext } from './server-context.ts'

/** How long the store may take to say anything, in milliseconds: below the second or two after which probes give up. */
const STORE_MS = 900

/**
 * `/healthz`: whether this process can serve, which needs its store. With `?process`, whether the process itself is alive: for what restarts it
 * where it is not, which would not help a store that is away.
 */
export function addHealthRoute(app: Hono, { store }: ServerContext): void {
  app.get('/healthz', async (c) => {
    if (c.req.query('process') !== undefined) return answerJson({ status: 'ok' })
    if (await answers(store.count())) return answerJson({ status: 'ok' })
    return refuse(503, 'no-store', 'The store does not answer. Nothing is lost; see whether it runs.', {
      'retry-after': '5',
    })
  })
}

async function answers(asked: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), STORE_MS)))
  try {
    return await Promise.race([asked.then(() => true), late])
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}
