import { startHub } from '../src/hub/start-hub.ts'

/** One per page, however often it connects: what is in its memory outlives a stay in the back-forward cache. */
let starting: ReturnType<typeof startHub> | null = null

/** The hub in the page itself, where no worker can be shared. Loaded by dynamic import, so that nobody else pays for it. */
export async function connectPageHub(port: MessagePort): Promise<void> {
  starting ??= startHub('page')
  // What could not be started is started anew.
  starting.catch(() => (starting = null))
  const hub = await starting
  hub.connect(port)
}
