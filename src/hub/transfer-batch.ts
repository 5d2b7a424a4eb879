import * as Comlink from 'comlink'
import type { Batch } from '../protocol/hub-port.ts'
import type { PackedChunks } from '../protocol/packed-chunks.ts'

/** Least units of data that are worth a transfer: fewer are cloned as fast. */
const MIN_TRANSFERRED = 16 * 1024

const isLarge = ({ data }: PackedChunks): boolean => typeof data !== 'string' && data.length >= MIN_TRANSFERRED

/** The same pack in buffers of its own. */
const copyOf = (pack: PackedChunks): PackedChunks => ({
  ...pack,
  data: pack.data.slice(),
  lengths: pack.lengths.slice(),
  times: pack.times.slice(),
})

/**
 * The same batch, its large arrays transferred to the tab instead of cloned: to clone 2 MB takes longer than to read them from the store.
 *
 * @param own nobody else holds its packs: else copies of them go
 */
export function transferBatch(batch: Batch, own: boolean): Batch {
  if (!batch.packs.some(isLarge)) return batch
  const packs = own ? batch.packs : batch.packs.map((pack) => (isLarge(pack) ? copyOf(pack) : pack))
  const buffers = packs
    .filter(isLarge)
    .flatMap(({ data, lengths, times }) =>
      typeof data === 'string' ? [] : [data.buffer, lengths.buffer, times.buffer],
    )
  // A page may have written several arrays as views of one buffer.
  return Comlink.transfer({ ...batch, packs }, [...new Set(buffers as ArrayBuffer[])])
}
