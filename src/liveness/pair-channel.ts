/** What a tab and a hub need of a way to each other: a MessagePort, or a BroadcastChannel that passes for one. */
export interface Way {
  postMessage(message: unknown, transfer?: Transferable[]): void
  addEventListener(type: string, listener: EventListenerOrEventListenerObject): void
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject): void
  /** Ports wait for it before they deliver. */
  start?(): void
  close(): void
}

/**
 * One end of a BroadcastChannel that two alone use, as a port: for tabs that share no worker which could hand them ports. Transfers nothing;
 * what is said before the other end listens is lost. After `close()` it is silent, where the browser's own throws.
 */
export function openPairChannel(name: string): Way {
  const channel = new BroadcastChannel(name)
  let open = true
  return {
    postMessage: (message) => {
      if (open) channel.postMessage(message)
    },
    addEventListener: (type, listener) => channel.addEventListener(type, listener),
    removeEventListener: (type, listener) => channel.removeEventListener(type, listener),
    close: () => {
      open = false
      channel.close()
    },
  }
}
