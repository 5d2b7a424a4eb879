import { HeadwaterError } from '../protocol/errors.ts'
import { HEADER } from '../protocol/http.ts'
import { shownUrl } from './failures.ts'

/** Resolves after `ms`, or at once when the signal aborts; never rejects. */
export type Delay = (ms: number, signal: AbortSignal) => Promise<void>

/**
 * How much silence is a lost connection: `steps` timers of `stepMs` milliseconds that ran out one after the other. In steps, because a
 * machine that slept finds one timer run out when it wakes, and what waits in its sockets is read before the next one does.
 */
export interface SilenceLimit {
  stepMs: number
  steps: number
}

const STEP_MS = 15_000

/** For the head of what only reads: a minute, the longest that proxies usually leave a request without an answer. */
export const READ_LIMIT: SilenceLimit = { stepMs: STEP_MS, steps: 4 }
/** For the head of anything else: a model may think before its first byte. Five minutes, after which Chromium and Node give up by themselves. */
export const WRITE_LIMIT: SilenceLimit = { stepMs: STEP_MS, steps: 20 }
/** For a long-poll: twice the 30 s that servers usually let it wait, and a step to answer. */
export const LONG_POLL_LIMIT: SilenceLimit = { stepMs: STEP_MS, steps: 5 }

// A timer runs free of the bytes, so that four of them hold at least three whole heartbeats.
const HEARTBEAT_STEPS = 4
const MAX_HEARTBEAT_S = 3600

/** The limit that a live response sets itself; `null` where it promised nothing, and so may be silent for ever. */
export function heartbeatLimit(response: Response): SilenceLimit | null {
  const value = response.headers.get(HEADER.heartbeat)
  const seconds = value !== null && /^\d{1,4}$/.test(value) ? Number(value) : 0
  return seconds >= 1 && seconds <= MAX_HEARTBEAT_S ? { stepMs: seconds * 1000, steps: HEARTBEAT_STEPS } : null
}

/** Nothing came for too long: `network`, with `data: {silent: true}`. */
export function silenceError(url: string): HeadwaterError {
  return new HeadwaterError(
    'network',
    `Nothing came from ${shownUrl(url)} for so long that the connection must be lost. Check the network and that the server runs.`,
    { silent: true },
  )
}

/** Whether an error is a {@link silenceError}. */
export function isSilence(error: unknown): boolean {
  return (
    error instanceof HeadwaterError &&
    error.code === 'network' &&
    (error.data as { silent?: unknown } | undefined)?.silent === true
  )
}

/** Counts the silence of one response. One timer for all of its reads: bytes may come by the thousand each second. */
export class SilenceWatch {
  readonly #over = new AbortController()
  #listening = false
  #silentSteps = 0

  /** Starts; `onLost` is called at most once. */
  constructor(limit: SilenceLimit, delay: Delay, onLost: () => void) {
    void this.#run(limit, delay, onLost)
  }

  /** From here on something is expected. While nobody listens, silence is the reader's own. */
  listen(): void {
    this.#silentSteps = 0
    this.#listening = true
  }

  /** Something came. */
  heard(): void {
    this.#listening = false
  }

  stop(): void {
    this.#over.abort()
  }

  async #run({ stepMs, steps }: SilenceLimit, delay: Delay, onLost: () => void): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      await delay(stepMs, signal)
      if (signal.aborted || !this.#listening) continue
      this.#silentSteps += 1
      if (this.#silentSteps < steps) continue
      this.stop()
      onLost()
    }
  }
}

/**
 * What `work` brings.
 * @throws {HeadwaterError} `network`, see {@link silenceError}, where it brings nothing within the limit
 */
export async function within<T>(work: Promise<T>, limit: SilenceLimit, delay: Delay, url: string): Promise<T> {
  let watch: SilenceWatch | undefined
  const silence = new Promise<never>((_, reject) => {
    watch = new SilenceWatch(limit, delay, () => reject(silenceError(url)))
    watch.listen()
  })
  try {
    return await Promise.race([work, silence])
  } finally {
    watch?.stop()
  }
}
