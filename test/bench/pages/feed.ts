/** Chunks that are produced together, as one read of a socket brings them. */
export const PER_READ = 50

/** Milliseconds since the epoch, with fractions: comparable between the processes of one browser. */
export const now = (): number => performance.timeOrigin + performance.now()

const WORDS = ['the ', 'log ', 'of ', 'stream', 's, ', 'tab ', 'and ', 'chunk ', 'is ', 'one '] as const

/** The text of one chunk: as long as a model's token, 4.2 characters in the mean. */
export function token(seq: number): string {
  return WORDS[seq % WORDS.length] as string
}

/** The text of one line of a build's log, about 42 characters. */
export function line(seq: number): string {
  return `[${String(seq).padStart(6, '0')}] compiled module ${seq % 977} in ${seq % 89} ms\n`
}

/** Lets other tasks run, without the clamping of timers. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export interface Feed {
  count: number
  /** `stamp`: the time at which the chunk was produced. */
  kind: 'token' | 'line' | 'stamp'
  /** Milliseconds between reads; 0 for as fast as possible. */
  paceMs: number
  /** Chunks that a paced read brings. Default 1. Timers of a worker run out every 4 ms at most. */
  perRead?: number
}

/** The producer that all candidates share: one task per read, or one read per pace. */
export async function* produce({ count, kind, paceMs, perRead: paced = 1 }: Feed): AsyncGenerator<string[]> {
  const make = kind === 'token' ? token : kind === 'line' ? line : (): string => `${now()}\n`
  const perRead = paceMs > 0 ? paced : PER_READ
  for (let from = 1; from <= count; from += perRead) {
    await (paceMs > 0 ? later(paceMs) : nextTask())
    const read: string[] = []
    for (let seq = from; seq < from + perRead && seq <= count; seq++) read.push(make(seq))
    yield read
  }
}
