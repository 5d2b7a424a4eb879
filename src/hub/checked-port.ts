import type { Endpoint } from 'comlink'
import type { Way } from '../liveness/pair-channel.ts'

/** More than any call of the protocol has. */
const MAX_ARGUMENTS = 4

/**
 * Whether this is a call of one of these methods with plain values, as Comlink sends them; or its word that a proxy was let go. Comlink takes more
 * than that, and throws at what is malformed where nobody can catch it.
 */
function isCall(message: unknown, methods: object): boolean {
  if (typeof message !== 'object' || message === null) return false
  const { id, type, path, argumentList } = message as Record<string, unknown>
  if (type === 'RELEASE') return true
  return (
    type === 'APPLY' &&
    typeof id === 'string' &&
    Array.isArray(path) &&
    path.length === 1 &&
    typeof path[0] === 'string' &&
    Object.hasOwn(methods, path[0]) &&
    Array.isArray(argumentList) &&
    argumentList.length <= MAX_ARGUMENTS &&
    argumentList.every((argument: { type?: unknown } | null) => argument?.type === 'RAW')
  )
}

/** The port as Comlink sees it: nothing but calls of these methods comes through. At the first message of another kind `refused` is called. */
export function checkedPort(port: Way, methods: object, refused: () => void): Endpoint {
  const listeners = new Map<unknown, (event: Event) => void>()
  return {
    addEventListener: (type, listener) => {
      const checked = (event: Event): void => {
        if (!isCall((event as MessageEvent).data, methods)) refused()
        else if (typeof listener === 'function') listener(event)
        else listener.handleEvent(event)
      }
      listeners.set(listener, checked)
      port.addEventListener(type, checked)
    },
    removeEventListener: (type, listener) => {
      const checked = listeners.get(listener)
      listeners.delete(listener)
      if (checked) port.removeEventListener(type, checked)
    },
    postMessage: (message, transfer = []) => port.postMessage(message, transfer),
    start: () => port.start?.(),
  }
}
