import { HeadwaterError } from '../protocol/errors.ts'

/** One end of a port to a hub, and the news that its script could not be started. */
export interface HubStart {
  port: MessagePort
  /** Rejects with `worker-failed`; never resolves. */
  failed: Promise<never>
}

const never = new Promise<never>(() => undefined)

/**
 * Opens a port to the hub. The tier is chosen from what the browser can do, never from a time-out: a SharedWorker where there are shared
 * workers and locks, else the hub in this page. `generation` names another worker where one has stopped to answer.
 */
export async function startHub(
  generation: number,
  makeWorker: ((generation: number) => SharedWorker) | undefined,
): Promise<HubStart> {
  if (makeWorker === undefined && (typeof SharedWorker === 'undefined' || !('locks' in navigator))) {
    const { connectPageHub } = await import('../../sw/page-hub.ts')
    const { port1, port2 } = new MessageChannel()
    await connectPageHub(port2)
    return { port: port1, failed: never }
  }
  const worker =
    makeWorker?.(generation) ??
    // The address must stand here literally: bundlers find the worker by it. Its options never vary for one address and name (Chromium refuses).
    new SharedWorker(new URL('../../sw/hub-worker.ts', import.meta.url), {
      type: 'module',
      name: `headwater:${generation}`,
      // Survives a reload of the only tab: Chrome 148 and later; ignored elsewhere.
      extendedLifetime: true,
    } as WorkerOptions)
  const failed = new Promise<never>((_, reject) => {
    worker.onerror = () => {
      reject(
        new HeadwaterError(
          'worker-failed',
          'The script of the hub could not be loaded. What is stored is safe. Reload the page.',
        ),
      )
    }
  })
  failed.catch(() => undefined)
  return { port: worker.port, failed }
}
