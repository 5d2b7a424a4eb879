import type { Socket } from 'node:net'
import { quantile } from '../tabs.ts'
import type { SseJob, SseResult } from './messages.ts'
import { Appender, openSocket, requestHead } from './raw-client.ts'

/** Bytes of an event's data. */
const SIZE = 100
/** Events before any is measured: everything is compiled, and every socket has been used. */
const WARM_UP = 50
/** How long the last events may take, in milliseconds. */
const PATIENCE_MS = 20_000

const MARK = /@(\d+):([\d.]+)@/g

/** One reader: what it got, and when. Appends of several connections may overtake each other, so order says nothing here. */
class Reader {
  readonly #seen: Uint8Array
  /** How many events it has, each counted once. */
  count = 0
  /** Resolves with the first byte of the answer. */
  readonly answered: Promise<void>
  #answer: () => void = () => undefined
  #rest = ''

  constructor(total: number) {
    this.#seen = new Uint8Array(total)
    this.answered = new Promise((resolve) => (this.#answer = resolve))
  }

  hear(bytes: Buffer, delays: number[]): void {
    const at = performance.now()
    this.#answer()
    const text = this.#rest + bytes.toString('latin1')
    let end = 0
    for (const mark of text.matchAll(MARK)) {
      const seq = Number(mark[1])
      if (this.#seen[seq] === 0) this.count += 1
      this.#seen[seq] = 1
      end = mark.index + mark[0].length
      if (seq >= WARM_UP) delays.push(at - Number(mark[2]))
    }
    // A mark may be cut between two reads.
    const from = text.lastIndexOf('@')
    this.#rest = from >= end ? text.slice(from) : ''
    if (this.#rest.length > SIZE) this.#rest = ''
  }
}

/** Readers first, then events at a steady rate; the delay is from the moment before an append is sent to its arrival at one reader. */
export async function loadSse({ urls, readers: count, events, perSecond }: SseJob): Promise<SseResult> {
  const total = WARM_UP + events
  const delays: number[] = []
  const readers: Reader[] = []
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const reader = new Reader(total)
    const url = `${urls[i % urls.length] ?? ''}?offset=-1&live=sse`
    const socket = await openSocket(url, (bytes) => reader.hear(bytes, delays))
    socket.write(requestHead('GET', url, ['Accept: text/event-stream']))
    await reader.answered
    readers.push(reader)
    sockets.push(socket)
  }
  const url = urls[0] ?? ''
  const idle: Appender[] = []
  const all: Appender[] = []
  const appends: Promise<void>[] = []
  const start = performance.now()
  for (let seq = 0; seq < total; seq++) {
    const wait = start + (seq * 1000) / perSecond - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    // A server that answers late does not slow the rate down.
    let appender = idle.pop()
    if (appender === undefined) all.push((appender = await Appender.open(url)))
    const used = appender
    const text = `@${seq}:${performance.now()}@`.padEnd(SIZE, 'x')
    appends.push(used.append(text).then(() => void idle.push(used)))
  }
  await Promise.all(appends)
  const deadline = performance.now() + PATIENCE_MS
  while (readers.some((reader) => reader.count < total) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  for (const socket of sockets) socket.destroy()
  for (const appender of all) appender.close()
  return {
    p50: quantile(delays, 0.5),
    p99: quantile(delays, 0.99),
    received: delays.length,
    missed: readers.reduce((sum, { count }) => sum + total - count, 0),
  }
}
