import { EmbeddedStreamStore } from '../../../src/server/stores/embedded.ts'

// Run as a process of its own, to be killed. Arguments: folder, run of the stream, the producer's next seq. Prints each seq once it was
// acknowledged, and the name of each stream once it was created and once it was deleted.
const [folder = '', run = '1', first = '0'] = process.argv.slice(2)
const name = { channel: 'crash', run }
const store = new EmbeddedStreamStore({ folder })
await store.create(name, { contentType: 'text/plain' })

// Many at once, so that the kill finds some asked for, some in a transaction and some done.
const IN_FLIGHT = 16
let seq = Number(first)

async function write(): Promise<never> {
  for (;;) {
    const mine = seq++
    // Sizes of all kinds, so that records cross the database's pages.
    const record = new TextEncoder().encode(`${mine}:${'x'.repeat((mine * 7919) % 9000)};`)
    await store.append(name, {
      contentType: 'text/plain',
      records: [record],
      producer: { id: 'writer', epoch: 0, seq: mine },
    })
    process.stdout.write(`${mine}\n`)
  }
}

async function createAndDelete(): Promise<never> {
  for (let i = 0; ; i++) {
    const other = { channel: 'deleted', run: `${run}-${first}-${i}` }
    await store.create(other, { contentType: 'text/plain', records: [new Uint8Array(5000)] })
    process.stdout.write(`created ${other.run}\n`)
    await store.remove(other)
    process.stdout.write(`deleted ${other.run}\n`)
  }
}

await Promise.all([...Array.from({ length: IN_FLIGHT }, write), createAndDelete()])
