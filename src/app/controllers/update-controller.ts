import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { Workbox } from 'workbox-window'

/** How often a page that stays open asks for a new version, in milliseconds. The browser itself asks on navigation only. */
const CHECK_MS = 60 * 60 * 1000

/**
 * The service worker's updates. A new version waits until a person says so: nothing is taken over unasked while streams are live. Then every
 * tab reloads once; a first installation, which takes control of a page that had none, is no update.
 */
export class UpdateController implements ReactiveController {
  readonly #host: ReactiveControllerHost
  readonly #enabled: boolean
  #registration: ServiceWorkerRegistration | undefined
  #waiting = false
  /** The version that was told to take over. */
  #told: ServiceWorker | null = null
  #timer: ReturnType<typeof setInterval> | undefined
  #started = false

  /** @param enabled - false where there is no service worker to register (development) */
  constructor(host: ReactiveControllerHost, enabled: boolean) {
    this.#host = host
    this.#enabled = enabled && 'serviceWorker' in navigator
    host.addController(this)
  }

  /** A new version is ready. */
  get waiting(): boolean {
    return this.#waiting
  }

  /** It was told to take over. The browser first waits until the earlier one is idle, which may take it half a minute. */
  get applying(): boolean {
    return this.#told !== null && this.#told === this.#registration?.waiting
  }

  hostConnected(): void {
    if (!this.#enabled) return
    if (!this.#started) void this.#start()
    this.#started = true
    this.#timer = setInterval(() => void this.#registration?.update().catch(() => undefined), CHECK_MS)
    document.addEventListener('visibilitychange', this.#look)
  }

  hostDisconnected(): void {
    clearInterval(this.#timer)
    document.removeEventListener('visibilitychange', this.#look)
  }

  /** Lets the waiting version take over. All tabs reload. */
  apply(): void {
    // Looked up now: the event may have told of a worker that another one has replaced since.
    this.#told = this.#registration?.waiting ?? null
    this.#told?.postMessage({ type: 'SKIP_WAITING' })
    this.#host.requestUpdate()
  }

  /** Not now: asks again with the next new version, or the next page. */
  dismiss(): void {
    this.#waiting = false
    this.#host.requestUpdate()
  }

  async #start(): Promise<void> {
    let wasControlled = navigator.serviceWorker.controller !== null
    let reloading = false
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      const isFirst = !wasControlled
      wasControlled = true
      if (isFirst || reloading) return
      reloading = true
      location.reload()
    })
    const workbox = new Workbox('/service-worker.js')
    workbox.addEventListener('waiting', this.#look)
    try {
      this.#registration = await workbox.register()
    } catch {
      // No offline start then; everything else works.
    }
    this.#look()
  }

  // Workbox reports only updates that it saw; a worker that waited before this page came, or the third of a session, it may miss.
  readonly #look = (): void => {
    const waiting = this.#registration?.waiting != null && navigator.serviceWorker.controller !== null
    if (waiting === this.#waiting) return
    this.#waiting = waiting
    this.#host.requestUpdate()
  }
}
