import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { parseRoute } from '../lib/routes.ts'
import type { Route } from '../lib/routes.ts'

/** The address as a route, with the History API: same-origin links are followed in the page, everything else is the browser's. */
export class RouteController implements ReactiveController {
  readonly #host: ReactiveControllerHost
  readonly #onNavigate: () => void
  #route = parseRoute(location.pathname)
  #listening: AbortController | null = null

  /** @param onNavigate - called after each change but the first, once the host has rendered: the place to move the focus */
  constructor(host: ReactiveControllerHost, onNavigate: () => void) {
    this.#host = host
    this.#onNavigate = onNavigate
    host.addController(this)
  }

  get route(): Route {
    return this.#route
  }

  hostConnected(): void {
    this.#listening = new AbortController()
    const { signal } = this.#listening
    addEventListener('popstate', () => this.#update(), { signal })
    document.addEventListener('click', (event) => this.#onClick(event), { signal })
  }

  hostDisconnected(): void {
    this.#listening?.abort()
  }

  /** Goes to a path of the app. */
  go(path: string): void {
    if (path !== location.pathname) history.pushState(null, '', path)
    this.#update()
  }

  #onClick(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    // The event's target is the outermost element; the link is inside of shadow trees.
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement)
    if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return
    if (parseRoute(link.pathname).screen === 'unknown') return
    event.preventDefault()
    this.go(link.pathname)
  }

  #update(): void {
    this.#route = parseRoute(location.pathname)
    this.#host.requestUpdate()
    void this.#host.updateComplete.then(this.#onNavigate)
  }
}
