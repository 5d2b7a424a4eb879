import type { Chunk, Part, State, StreamInfo, StreamView } from 'headwater'

const LOADING: readonly string[] = ['queued', 'connecting', 'streaming', 'reconnecting']

/** A stream in memory: what a hub would know of it, its chunks, and what they mean. */
export class FakeStream {
  info: StreamInfo
  chunks: Chunk[] = []
  parts: Part[] = []
  readonly #listeners = new Set<() => void>()

  constructor(info: Partial<StreamInfo> & Pick<StreamInfo, 'streamId' | 'channel'>) {
    this.info = {
      version: 1,
      epoch: 1,
      seq: 0,
      firstSeq: 1,
      status: 'streaming',
      ending: null,
      failure: null,
      canResume: false,
      canRetry: false,
      gaps: [],
      dialect: null,
      contentType: 'text/plain',
      url: null,
      size: 0,
      createdAt: 0,
      updatedAt: 0,
      readers: 1,
      owner: 'this',
      ...info,
    }
  }

  write(data: string, event?: string): void {
    const seq = this.chunks.length + 1
    this.chunks.push({ seq, time: 0, data, ...(event !== undefined && { event }) })
    this.set({ seq, size: this.info.size + data.length })
  }

  set(change: Partial<StreamInfo>): void {
    this.info = { ...this.info, ...change }
    for (const listener of [...this.#listeners]) listener()
  }

  get state(): State {
    const { streamId, seq, status, waitingFor, meta, canResume, canRetry, ending, failure, gaps } = this.info
    return {
      streamId,
      seq,
      status,
      ...(waitingFor && { waitingFor }),
      text: '',
      parts: this.parts,
      meta,
      loading: LOADING.includes(status),
      done: status === 'done',
      canResume,
      canRetry,
      error: failure?.message ?? null,
      failure: null,
      ending,
      gaps,
    }
  }

  subscribe(listener: () => void, signal?: AbortSignal): () => void {
    this.#listeners.add(listener)
    const off = (): void => void this.#listeners.delete(listener)
    signal?.addEventListener('abort', off)
    return off
  }

  view(): StreamView {
    const offs: (() => void)[] = []
    let state = this.state
    return {
      get state() {
        return state
      },
      subscribe: (listener, options) => {
        const off = this.subscribe(() => {
          state = this.state
          listener()
        }, options?.signal)
        offs.push(off)
        return off
      },
      stop: () => Promise.resolve(this.set({ status: 'stopped', canResume: true })),
      resume: () => Promise.resolve(this.set({ status: 'streaming', canResume: false })),
      cancel: () => Promise.resolve(this.set({ status: 'stopped', ending: { kind: 'cancelled' }, canRetry: true })),
      close: () => offs.forEach((off) => off()),
    }
  }

  async *read(signal?: AbortSignal): AsyncGenerator<Chunk> {
    let next = 0
    while (!signal?.aborted) {
      const chunk = this.chunks[next]
      if (chunk) {
        next++
        yield chunk
      } else if (this.info.ending) return
      else {
        await new Promise<void>((resolve) => {
          const off = this.subscribe(() => {
            off()
            resolve()
          })
          signal?.addEventListener('abort', () => resolve())
        })
      }
    }
  }
}
