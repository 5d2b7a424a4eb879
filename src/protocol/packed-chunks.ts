import type { Chunk, NewChunk } from './chunk.ts'

/**
 * Many chunks in one record. The same shape is stored as a segment and sent to tabs as a batch: texts joined in one string (or bytes in one
 * array) with their lengths, because that is 2 to 3 times faster to read and to clone than an array of chunks.
 */
export interface PackedChunks {
  /** Seq of the first chunk. */
  fromSeq: number
  /** One per chunk: the length of its data, in UTF-16 units or bytes. */
  lengths: Uint32Array
  /** One per chunk: when the hub received it, in milliseconds since the epoch. */
  times: Float64Array
  /** All data, joined: a string when every chunk is text, bytes when every chunk is bytes. Of much text that is stored, its units (`encoded`). */
  data: string | Uint8Array | Uint16Array
  /** `data` is text, as an array of its UTF-16 units: of bytes, where all of it is ASCII. */
  encoded?: true
  /** Event names, sparse: index of the chunk, name. */
  events?: readonly (readonly [index: number, event: string])[]
  /** Upstream's ids, sparse: index of the chunk, id. */
  ids?: readonly (readonly [index: number, id: string])[]
}

/** Seq after the last chunk of a pack. */
export function endSeq(pack: PackedChunks): number {
  return pack.fromSeq + pack.lengths.length
}

/** Size of a pack's data, in UTF-16 units or bytes. */
export function packSize(pack: PackedChunks): number {
  return pack.data.length
}

/** Least units of text that are worth encoding: a record of fewer costs as much to read as it is. */
const MIN_ENCODED = 16 * 1024

const HALF_A_CHARACTER = /\p{Surrogate}/u

const encoder = new TextEncoder()
// A byte order mark is text like any other here.
const decoders = {
  1: new TextDecoder('utf-8', { ignoreBOM: true }),
  2: new TextDecoder('utf-16le', { ignoreBOM: true }),
}

/** Whether every chunk is text. */
export function isText({ data, encoded }: PackedChunks): boolean {
  return typeof data === 'string' || encoded === true
}

/** All data of a pack, joined: a string when every chunk is text, bytes when every chunk is bytes. */
export function dataOf({ data, encoded }: PackedChunks): string | Uint8Array {
  if (typeof data === 'string') return data
  if (data instanceof Uint16Array) return decoders[2].decode(data)
  return encoded ? decoders[1].decode(data) : data
}

/** Whether a chunk ends in the middle of a character, as chunks that a page wrote may. */
function splitsCharacter(data: string, lengths: Uint32Array): boolean {
  let at = 0
  for (const length of lengths) {
    at += length
    // The first half of a pair.
    if ((data.charCodeAt(at - 1) & 0xfc00) === 0xd800) return true
  }
  return false
}

/**
 * The same pack, much text as an array: that is read sooner than a string, and goes to another thread without a copy. Text with half a character
 * in it, or in a part of it, stays a string: no decoder gives half a character back.
 */
export function encodePack(pack: PackedChunks): PackedChunks {
  const { data, lengths } = pack
  if (typeof data !== 'string' || data.length < MIN_ENCODED) return pack
  const bytes = encoder.encode(data)
  if (bytes.length === data.length) return { ...pack, data: bytes, encoded: true }
  if (HALF_A_CHARACTER.test(data) || splitsCharacter(data, lengths)) return pack
  const units = new Uint16Array(data.length)
  for (let i = 0; i < units.length; i++) units[i] = data.charCodeAt(i)
  return { ...pack, data: units, encoded: true }
}

/** Packs chunks that are all text or all bytes. */
function packSame(chunks: readonly NewChunk[], fromSeq: number): PackedChunks {
  const lengths = new Uint32Array(chunks.length)
  const times = new Float64Array(chunks.length)
  const events: [number, string][] = []
  const ids: [number, string][] = []
  let total = 0
  for (const [i, chunk] of chunks.entries()) {
    lengths[i] = chunk.data.length
    times[i] = chunk.time
    total += chunk.data.length
    if (chunk.event !== undefined) events.push([i, chunk.event])
    if (chunk.id !== undefined) ids.push([i, chunk.id])
  }
  let data: string | Uint8Array
  if (typeof chunks[0]?.data === 'string') {
    data = chunks.map((chunk) => chunk.data as string).join('')
  } else {
    data = new Uint8Array(total)
    let at = 0
    for (const chunk of chunks) {
      data.set(chunk.data as Uint8Array, at)
      at += chunk.data.length
    }
  }
  return {
    fromSeq,
    lengths,
    times,
    data,
    ...(events.length > 0 && { events }),
    ...(ids.length > 0 && { ids }),
  }
}

/** Packs chunks in order from `fromSeq`. One pack as a rule; text next to bytes starts another. No chunks, no packs. */
export function packChunks(chunks: readonly NewChunk[], fromSeq: number): PackedChunks[] {
  const packs: PackedChunks[] = []
  let start = 0
  for (let i = 1; i <= chunks.length; i++) {
    if (i < chunks.length && typeof chunks[i]?.data === typeof chunks[start]?.data) continue
    packs.push(packSame(chunks.slice(start, i), fromSeq + start))
    start = i
  }
  return packs
}

/** The chunks of a pack, in order. */
export function unpackChunks(pack: PackedChunks): Chunk[] {
  const chunks: Chunk[] = []
  const all = dataOf(pack)
  let at = 0
  for (let i = 0; i < pack.lengths.length; i++) {
    const length = pack.lengths[i] as number
    const data = typeof all === 'string' ? all.substring(at, at + length) : all.subarray(at, at + length)
    chunks.push({ seq: pack.fromSeq + i, time: pack.times[i] as number, data })
    at += length
  }
  for (const [i, event] of pack.events ?? []) if (chunks[i]) chunks[i].event = event
  for (const [i, id] of pack.ids ?? []) if (chunks[i]) chunks[i].id = id
  return chunks
}

const sliceSparse = (entries: PackedChunks['events'], from: number, to: number): [number, string][] | undefined => {
  const kept = entries?.filter(([i]) => i >= from && i < to).map(([i, v]): [number, string] => [i - from, v])
  return kept !== undefined && kept.length > 0 ? kept : undefined
}

/**
 * The part of a pack from `fromSeq` on, at most `maxChunks` chunks and about `maxSize` units of data (but at least one chunk).
 * `null` where the pack has nothing from there on. Time is linear in what is skipped and returned, without decoding chunks.
 */
export function slicePack(
  pack: PackedChunks,
  fromSeq: number,
  maxChunks = Infinity,
  maxSize = Infinity,
): PackedChunks | null {
  const from = Math.max(0, fromSeq - pack.fromSeq)
  if (from >= pack.lengths.length) return null
  if (from === 0 && pack.lengths.length <= maxChunks && pack.data.length <= maxSize) return pack
  let start = 0
  for (let i = 0; i < from; i++) start += pack.lengths[i] as number
  let to = from
  let end = start
  while (to < pack.lengths.length && to - from < maxChunks) {
    const next = end + (pack.lengths[to] as number)
    if (to > from && next - start > maxSize) break
    end = next
    to++
  }
  if (from === 0 && to === pack.lengths.length) return pack
  const events = sliceSparse(pack.events, from, to)
  const ids = sliceSparse(pack.ids, from, to)
  return {
    fromSeq: pack.fromSeq + from,
    lengths: pack.lengths.slice(from, to),
    times: pack.times.slice(from, to),
    // `slice`, not `subarray`: a view would be cloned with the whole buffer behind it.
    data: typeof pack.data === 'string' ? pack.data.substring(start, end) : pack.data.slice(start, end),
    ...(pack.encoded && { encoded: true }),
    ...(events && { events }),
    ...(ids && { ids }),
  }
}

const joinSparse = (packs: readonly PackedChunks[], key: 'events' | 'ids'): [number, string][] | undefined => {
  const joined: [number, string][] = []
  let at = 0
  for (const pack of packs) {
    for (const [i, value] of pack[key] ?? []) joined.push([at + i, value])
    at += pack.lengths.length
  }
  return joined.length > 0 ? joined : undefined
}

/** Joins packs that follow each other without a hole and are all text or all bytes. */
export function joinPacks(packs: readonly [PackedChunks, ...PackedChunks[]]): PackedChunks {
  const [first] = packs
  if (packs.length === 1) return first
  const count = packs.reduce((sum, pack) => sum + pack.lengths.length, 0)
  const lengths = new Uint32Array(count)
  const times = new Float64Array(count)
  let at = 0
  for (const pack of packs) {
    lengths.set(pack.lengths, at)
    times.set(pack.times, at)
    at += pack.lengths.length
  }
  let data: string | Uint8Array
  if (isText(first)) {
    data = packs.map(dataOf).join('')
  } else {
    data = new Uint8Array(packs.reduce((sum, pack) => sum + pack.data.length, 0))
    let offset = 0
    for (const pack of packs) {
      data.set(pack.data as Uint8Array, offset)
      offset += pack.data.length
    }
  }
  const events = joinSparse(packs, 'events')
  const ids = joinSparse(packs, 'ids')
  return { fromSeq: first.fromSeq, lengths, times, data, ...(events && { events }), ...(ids && { ids }) }
}

/** Whether a value read from a store or a port really is a pack: its parts fit each other. */
export function isPackedChunks(value: unknown): value is PackedChunks {
  if (typeof value !== 'object' || value === null) return false
  const { fromSeq, lengths, times, data, encoded } = value as Partial<PackedChunks>
  if (!Number.isSafeInteger(fromSeq) || (fromSeq as number) < 1) return false
  if (!(lengths instanceof Uint32Array) || !(times instanceof Float64Array) || lengths.length !== times.length)
    return false
  if (encoded !== undefined && encoded !== true) return false
  const isData = encoded
    ? data instanceof Uint8Array || data instanceof Uint16Array
    : typeof data === 'string' || data instanceof Uint8Array
  if (!isData) return false
  let total = 0
  // By index: an iterator takes several times as long in a worker that has just begun.
  for (let i = 0; i < lengths.length; i++) total += lengths[i] as number
  return total === data?.length && lengths.length > 0
}
