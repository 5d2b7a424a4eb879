// A process of its own: `watchers.js <WatchersJob as JSON>`. Its watchers are bare connections that count, so that what is measured is the server.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { SOCKET_PATH, SOCKET_PROTOCOL } from '../../../src/protocol/socket.ts'
import type { SubscribeFrame } from '../../../src/protocol/socket.ts'
import { EVENT_BYTES } from './messages.ts'
import type { WatchersJob, WatchersNote } from './messages.ts'

/** Connections that are opened at once. */
const AT_ONCE = 100

const SUBSCRIBE = {
  type: 'subscribe',
  id: 1,
  sub: 1,
  channel: 'bench',
  offset: 'now',
} as const satisfies SubscribeFrame

/** A text frame as clients send them: masked, with a mask that changes nothing. */
function textFrame(text: string): Buffer {
  const body = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body])
}

/** Cuts what comes into frames; `onFrame` gets the opcode and the payload. */
function frameReader(onFrame: (opcode: number, payload: Buffer) => void): (part: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (part) => {
    rest = rest.length === 0 ? part : Buffer.concat([rest, part])
    for (;;) {
      if (rest.length < 4) return
      const short = (rest[1] ?? 0) & 0x7f
      const head = short === 126 ? 4 : 2
      const length = short === 126 ? rest.readUInt16BE(2) : short
      if (rest.length < head + length) return
      onFrame((rest[0] ?? 0) & 0x0f, rest.subarray(head, head + length))
      rest = rest.subarray(head + length)
    }
  }
}

/** Resolves once the watcher is connected, and has what it waits for at first. */
function watch({ url, kind }: WatchersJob, onEvents: (count: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const { hostname, port, host } = new URL(url)
    const socket: Socket = connect(Number(port), hostname)
    socket.on('error', reject)
    socket.write(
      `GET ${SOCKET_PATH} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${SOCKET_PROTOCOL}\r\n\r\n`,
    )
    if (kind === 'headwater') socket.write(textFrame(JSON.stringify(SUBSCRIBE)))
    const read = frameReader((opcode, payload) => {
      if (opcode === 1) {
        if (payload.includes('"ping"')) socket.write(textFrame('{"type":"pong"}'))
        return
      }
      const events = (payload.length - 4 - payload.readUInt32BE(0)) / EVENT_BYTES
      // The first frame of a subscription is empty: it is at the tail.
      if (events === 0) resolve()
      else onEvents(events)
    })
    let head = ''
    const onHead = (part: Buffer): void => {
      head += part.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', onHead)
      socket.on('data', read)
      if (!head.startsWith('HTTP/1.1 101')) reject(new Error(head))
      if (kind === 'bare') resolve()
      const rest = Buffer.from(head.slice(end + 4), 'latin1')
      if (rest.length > 0) read(rest)
    }
    socket.on('data', onHead)
  })
}

const job = JSON.parse(process.argv[2] ?? '') as WatchersJob
let events = 0
let complete = 0
const say = (note: WatchersNote['note']): void => void process.send?.({ note, events } satisfies WatchersNote)
for (let opened = 0; opened < job.watchers; opened += AT_ONCE) {
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, job.watchers - opened) }, () => {
      let got = 0
      return watch(job, (count) => {
        got += count
        events += count
        if (got !== job.events) return
        complete += 1
        if (complete === job.watchers) say('done')
      })
    }),
  )
}
say('open')
process.on('disconnect', () => process.exit(0))
