import type { Ending } from '../../../src/protocol/chunk.ts'
import type { ProducerTag } from '../../../src/server/stream-store.ts'

interface ModelStream {
  run: string
  type: string
  /** All of its records, those of its sources included. */
  records: string[]
  ending: Ending | null
  producers: Map<string, { epoch: number; seq: number }>
  streamSeq: string | null
  ttlMs: number | null
  touched: number
  source: ModelStream | null
  /** What its creator asked of the fork, so that the same request is known. */
  asked: string
  forks: number
  isGone: boolean
}

export interface ModelAppend {
  type: string
  texts: string[]
  producer: ProducerTag | null
  streamSeq: string | null
  ending: Ending | null
}

/** The streams of one channel, as simple as they can be said: arrays of texts. What a store must do, told a second time. */
export class StoreModel {
  now = 0
  readonly #streams = new Map<string, ModelStream>()

  create(run: string, type: string, ttlMs: number | null, texts: string[], ending: Ending | null): string {
    return this.#put(run, type, ttlMs, '', () => ({ source: null, texts, ending }))
  }

  /** A fork at record `at` of its source. */
  fork(run: string, from: string, at: number, type: string): string {
    return this.#put(run, type, null, `${from}@${at}`, () => {
      const source = this.#find(from)
      if (typeof source === 'string') return `fork-${source}`
      return { source, texts: source.records.slice(0, at), ending: null }
    })
  }

  /** What stands behind a name, whether it can be read or not; changes nothing. */
  peek(run: string): { type: string; records: readonly string[] } | null {
    return this.#streams.get(run) ?? null
  }

  #put(
    run: string,
    type: string,
    ttlMs: number | null,
    asked: string,
    make: () => { source: ModelStream | null; texts: string[]; ending: Ending | null } | string,
  ): string {
    const existing = this.#streams.get(run)
    if (existing?.isGone === true) return 'conflict'
    if (existing !== undefined && !this.#isExpired(existing)) {
      const made = asked === '' ? make() : null
      const isEnding = made !== null && typeof made !== 'string' && made.ending !== null
      const same = existing.type === type && existing.asked === asked && (existing.ending !== null) === isEnding
      return same && (asked !== '' || existing.ttlMs === ttlMs) ? 'exists' : 'conflict'
    }
    if (existing !== undefined && existing.forks > 0) return 'conflict'
    const made = make()
    if (typeof made === 'string') return made
    const { source, texts, ending } = made
    if (existing !== undefined) this.#release(existing)
    if (source !== null) source.forks += 1
    this.#streams.set(run, {
      run,
      type,
      records: [...texts],
      ending,
      producers: new Map(),
      streamSeq: null,
      ttlMs: ttlMs ?? source?.ttlMs ?? null,
      touched: this.now,
      source,
      asked,
      forks: 0,
      isGone: false,
    })
    return 'created'
  }

  append(run: string, { type, texts, producer, streamSeq, ending }: ModelAppend): string {
    const stream = this.#find(run)
    if (typeof stream === 'string') return stream
    const known = producer === null ? undefined : stream.producers.get(producer.id)
    if (producer !== null && known !== undefined) {
      if (producer.epoch < known.epoch) return 'stale-epoch'
      if (producer.epoch === known.epoch && producer.seq <= known.seq) return 'duplicate'
    }
    if (stream.ending !== null) {
      return texts.length === 0 && ending !== null && producer === null ? 'duplicate' : 'closed'
    }
    if (texts.length > 0 && type !== stream.type) return 'wrong-type'
    if (producer !== null) {
      if (known !== undefined && producer.epoch > known.epoch && producer.seq !== 0) return 'bad-epoch-start'
      const expected = known !== undefined && producer.epoch === known.epoch ? known.seq + 1 : 0
      if (producer.seq !== expected) return 'seq-gap'
    }
    if (streamSeq !== null && stream.streamSeq !== null && streamSeq <= stream.streamSeq) return 'stream-seq'
    stream.records.push(...texts)
    stream.ending = ending
    stream.touched = this.now
    stream.streamSeq = streamSeq ?? stream.streamSeq
    if (producer !== null) stream.producers.set(producer.id, producer)
    return 'appended'
  }

  /** Renews the expiry, as a read does. */
  read(run: string): { records: string[]; ending: Ending | null } | string {
    const stream = this.#find(run)
    if (typeof stream === 'string') return stream
    stream.touched = this.now
    return { records: stream.records, ending: stream.ending }
  }

  remove(run: string): string {
    const stream = this.#find(run)
    if (typeof stream === 'string') return stream
    this.#release(stream)
    return 'removed'
  }

  /** How many there were to sweep. */
  sweep(): number {
    const over = [...this.#streams.values()].filter((stream) => !stream.isGone && this.#isExpired(stream))
    for (const stream of over) if (this.#streams.get(stream.run) === stream) this.#release(stream)
    return over.length
  }

  /** Names of what can be read. */
  runs(): string[] {
    return [...this.#streams.values()]
      .filter((stream) => !stream.isGone && !this.#isExpired(stream))
      .map(({ run }) => run)
      .sort()
  }

  #find(run: string): ModelStream | 'missing' | 'gone' {
    const stream = this.#streams.get(run)
    if (stream === undefined) return 'missing'
    if (stream.isGone) return 'gone'
    if (this.#isExpired(stream)) return stream.forks > 0 ? 'gone' : 'missing'
    return stream
  }

  #isExpired(stream: ModelStream): boolean {
    return stream.ttlMs !== null && this.now >= stream.touched + stream.ttlMs
  }

  #release(stream: ModelStream): void {
    if (stream.forks > 0) {
      stream.isGone = true
      return
    }
    this.#streams.delete(stream.run)
    const { source } = stream
    if (source === null) return
    source.forks -= 1
    if (source.isGone && source.forks === 0) this.#release(source)
  }
}
