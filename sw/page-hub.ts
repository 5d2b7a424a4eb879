import { startHub } from '../src/hub/start-hub.ts'

/** The hub in the page itself, where no worker can be shared. Loaded by dynamic import, so that nobody else pays for it. */
export async function connectPageHub(port: MessagePort): Promise<void> {
  const hub = await startHub('page')
  hub.connect(port)
}
