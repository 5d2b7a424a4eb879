import type { Ending } from '../../src/protocol/chunk.ts'
import { HeadwaterError } from '../../src/protocol/errors.ts'
import type { ConnectUpstream, UpstreamFrame, UpstreamRequest } from '../../src/upstream/upstream.ts'

/**
 * What a source can do: `get` is asked again from anywhere; `post` is sent once, and continued at the address that its answer names; `once` is
 * sent once and never continued.
 */
export type SourceKind = 'get' | 'post' | 'once'

interface Socket {
  by: string
  /** Ends this connection: with an error, or (null) as if the body had ended. */
  break(error: HeadwaterError | null): void
}

/** One run of an upstream, as its server knows it, or what a page writes: the truth about one stream. Every unit says whose it is and which. */
export class Run {
  readonly streamId: string
  readonly kind: SourceKind | 'page'
  readonly name: string
  /** How many units there are so far. */
  released = 0
  ending: Ending | null = null
  /** Requests that started the run. */
  posts = 0
  /** Requests that were answered with 404. */
  refusedForGood = 0
  /** The page that writes it has left: closed, crashed, reloaded, or in the back-forward cache. */
  left = false
  readonly sockets = new Set<Socket>()
  readonly #ends: number[] = [0]
  #text = ''

  constructor(streamId: string, kind: Run['kind'], name: string) {
    this.streamId = streamId
    this.kind = kind
    this.name = name
  }

  unit(seq: number): string {
    return `${this.name}.${seq} `
  }

  /** The first units, as one text. */
  text(units: number): string {
    for (let seq = this.#ends.length; seq <= units; seq++) {
      this.#text += this.unit(seq)
      this.#ends.push(this.#text.length)
    }
    return this.#text.slice(0, this.#ends[units])
  }
}

/** The servers of a walk: a run per stream, and faults on demand. */
export class Truth {
  readonly runs = new Map<string, Run>()
  /** No connection comes about: refused, or answered with this status. */
  refusing: 'network' | number | null = null
  /** While set, connections wait for it before their response's head comes. */
  slow: Promise<void> | null = null
  /** From now on every new run comes to its end by itself. */
  finishing = false
  readonly #wake = new Set<() => void>()

  poke(): void {
    const waiting = [...this.#wake]
    this.#wake.clear()
    for (const wake of waiting) wake()
  }

  /** Ends connections: all of them, or those of one run. */
  break(error: HeadwaterError | null, run?: Run): void {
    for (const { sockets } of run ? [run] : this.runs.values()) for (const socket of [...sockets]) socket.break(error)
  }

  /** Streams that come from servers. */
  get served(): Run[] {
    return [...this.runs.values()].filter(({ kind }) => kind !== 'page')
  }

  /** A page starts to write this stream. */
  written(streamId: string): Run {
    const run = new Run(streamId, 'page', `page${this.runs.size}`)
    this.runs.set(streamId, run)
    return run
  }

  #runOf({ streamId, source }: UpstreamRequest): Run {
    let run = this.runs.get(streamId)
    if (run === undefined) {
      const kind = new URL(source.url).pathname.split('/')[1] as SourceKind
      run = new Run(streamId, kind, `${kind}${this.runs.size}`)
      if (this.finishing) Object.assign(run, { released: 3, ending: { kind: 'done' } })
      this.runs.set(streamId, run)
    }
    return run
  }

  /** How the hub of this name reaches upstream. */
  connectOf(by: string): ConnectUpstream {
    return async (request, signal) => {
      await Promise.resolve()
      const run = this.#runOf(request)
      if (this.refusing === 'network') throw new HeadwaterError('network', 'Connection refused.')
      if (!request.resuming || (run.kind !== 'get' && request.resumeUrl === null)) run.posts += 1
      if (this.refusing !== null) {
        if (this.refusing === 404) run.refusedForGood += 1
        throw new HeadwaterError('http', `It answered ${this.refusing}.`, { status: this.refusing })
      }
      let broken: HeadwaterError | 'ended' | null = null
      const socket: Socket = {
        by,
        break: (error) => {
          broken ??= error ?? 'ended'
          run.sockets.delete(socket)
          this.poke()
        },
      }
      run.sockets.add(socket)
      const aborted = new Promise<void>((resolve) => {
        const abort = (): void => {
          socket.break(new HeadwaterError('aborted', 'Closed by its reader.'))
          resolve()
        }
        signal.addEventListener('abort', abort)
        if (signal.aborted) abort()
      })
      if (this.slow) await Promise.race([this.slow, aborted])
      const state = (): HeadwaterError | 'ended' | null => broken
      const now = state()
      if (now !== null) throw now === 'ended' ? new HeadwaterError('network', 'No head came.') : now
      const resumes = run.kind !== 'once'
      const read = this.#read.bind(this)
      return {
        head: {
          contentType: 'text/plain',
          dialect: 'text',
          resumeUrl: run.kind === 'post' ? `http://upstream.test/resume/${run.name}` : null,
          cancelUrl: run.kind === 'post' ? `http://upstream.test/cancel/${run.name}` : null,
          resumable: resumes,
        },
        [Symbol.asyncIterator]: () => read(run, Number(request.position.token ?? 0), state),
      }
    }
  }

  async *#read(run: Run, from: number, broken: () => HeadwaterError | 'ended' | null): AsyncGenerator<UpstreamFrame> {
    for (let at = from; ;) {
      const error = broken()
      if (error === 'ended') return
      if (error) throw error
      if (at < run.released) {
        // As many as one read of a socket may bring.
        const end = Math.min(run.released, at + 50)
        const chunks = Array.from({ length: end - at }, (_, i) => ({ time: 0, data: run.unit(at + i + 1) }))
        at = end
        yield { chunks, position: { token: String(at), skip: 0 }, verdict: null }
      } else if (run.ending !== null) {
        yield { chunks: [], position: { token: String(at), skip: 0 }, verdict: null, ending: run.ending }
        return
      } else {
        await new Promise<void>((resolve) => this.#wake.add(resolve))
      }
    }
  }
}
