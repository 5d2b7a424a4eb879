import { expect, it } from 'vitest'
import { newRow } from '../../../src/hub/row.ts'
import { packChunks, type PackedChunks } from '../../../src/protocol/packed-chunks.ts'
import { LogReading } from '../../../src/store/log-reading.ts'
import { source } from '../hub/world.ts'

const row = { ...newRow({ streamId: 's', channel: 'c', source: source() }, 1), seq: 6 }

const pack = (fromSeq: number, ...texts: string[]): PackedChunks => {
  const [packed] = packChunks(
    texts.map((data) => ({ time: 0, data })),
    fromSeq,
  )
  return packed as PackedChunks
}

it('a record that overlaps the one before it is not believed: what it alone would have is a hole', () => {
  const reading = new LogReading(row, 1)
  reading.take(1, pack(1, 'a', 'b', 'c'))
  reading.take(3, pack(3, 'x', 'y', 'z'))
  reading.take(6, pack(6, 'f'))
  expect(reading.result()).toMatchObject({
    packs: [
      { fromSeq: 1, data: 'abc' },
      { fromSeq: 6, data: 'f' },
    ],
    toSeq: 7,
  })
})
