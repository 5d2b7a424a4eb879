import type { MessagePort as NodePort } from 'node:worker_threads'

/** A call on its way, as Comlink sends it. */
interface Call {
  path?: readonly string[]
  argumentList?: { value: unknown }[]
}

/** A tab's ports all pass here: while it is shut, what is said waits, in both directions, as with a page that is frozen. */
export class Valve {
  #shut = false
  #waiting: (() => void)[] = []
  /** Hears of every call that passes: what is called, and its first argument. */
  heard: (method: string, argument: unknown) => void = () => undefined

  get shut(): boolean {
    return this.#shut
  }

  close(): void {
    this.#shut = true
  }

  open(): void {
    this.#shut = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const send of waiting) send()
  }

  pass(send: () => void): void {
    if (this.#shut) this.#waiting.push(send)
    else send()
  }
}

/** Node's ports, unlike those of browsers, tell when they are closed. */
function onClose(port: MessagePort, closed: () => void): void {
  ;(port as unknown as NodePort).once('close', closed)
}

/** Passes on what either port says, through the valve; also what the ports say that travel on them. */
function join(a: MessagePort, b: MessagePort, valve: Valve): void {
  let closed = false
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.onmessage = ({ data }: MessageEvent<Call>) => {
      const transfer: MessagePort[] = []
      for (const argument of data.argumentList ?? []) {
        if (!(argument.value instanceof MessagePort)) continue
        argument.value = through(argument.value, valve)
        transfer.push(argument.value as MessagePort)
      }
      if (data.path?.length === 1) valve.heard(String(data.path[0]), data.argumentList?.[0]?.value)
      valve.pass(() => {
        // What waited here may be of a port that is closed by now, and what travels with it too.
        if (!closed) to.postMessage(data, transfer)
      })
    }
    onClose(from, () => {
      closed = true
      to.close()
    })
  }
}

/** The far end of a port, with the valve in between. */
export function through(port: MessagePort, valve: Valve): MessagePort {
  const { port1, port2 } = new MessageChannel()
  join(port, port2, valve)
  return port1
}

/** Counts channels of ports that were made and not closed, from the call on until `stop`. */
export function countChannels(): { readonly open: number; stop(): void } {
  const Original = globalThis.MessageChannel
  let open = 0
  class Counted extends Original {
    constructor() {
      super()
      open += 1
      onClose(this.port1, () => (open -= 1))
    }
  }
  globalThis.MessageChannel = Counted
  return {
    get open() {
      return open
    },
    stop: () => void (globalThis.MessageChannel = Original),
  }
}
