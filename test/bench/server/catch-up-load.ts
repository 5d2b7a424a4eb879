import type { CatchUpJob, CatchUpResult } from './messages.ts'
import { openSocket, requestHead } from './raw-client.ts'

/** Never cut in two here: what ends an answer is written with its last byte. */
const CHUNKS_END = Buffer.from('0\r\n\r\n')

/** All readers ask at once; the clock stops when the last one has the last byte. */
export async function loadCatchUp({ url, bytes, readers }: CatchUpJob): Promise<CatchUpResult> {
  const start = performance.now()
  await Promise.all(Array.from({ length: readers }, () => readAll(url, bytes)))
  return { ms: performance.now() - start }
}

/** One reader, on one connection: pages are followed, where one answer is not all. */
function readAll(url: string, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let got = 0
    let head = ''
    /** What is left of the body; `null` while the head comes. */
    let left: number | null = null
    let next = '-1'
    const socket = openSocket(url, (part) => {
      let body = part.length
      if (left === null) {
        head += part.toString('latin1')
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        const fields = head.slice(0, end)
        const length = /^content-length: *(\d+)/im.exec(fields)?.[1]
        if (!fields.startsWith('HTTP/1.1 200')) return reject(new Error(fields))
        next = /^stream-next-offset: *(\S+)/im.exec(fields)?.[1] ?? ''
        body = head.length - end - 4
        // In chunks, the frame of each is counted with it: a few bytes in megabytes.
        left = length === undefined ? Infinity : Number(length)
        head = ''
      }
      got += body
      left -= body
      if (left === Infinity ? !part.subarray(-CHUNKS_END.length).equals(CHUNKS_END) : left > 0) return
      left = null
      void socket.then((open) => {
        if (got < bytes) return ask()
        open.destroy()
        resolve()
      })
    })
    const ask = (): void => {
      socket.then((open) => open.write(requestHead('GET', `${url}?offset=${next}`)), reject)
    }
    ask()
  })
}
