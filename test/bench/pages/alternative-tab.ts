import * as Comlink from 'comlink'
import type { Alternative, OneChunk, ToAlternatives } from './alternatives-worker.ts'
import type { Feed } from './feed.ts'
import { now } from './feed.ts'

/** How often a tab that gets the full text says how far it is. */
const ACK_EVERY = 100

let worker: SharedWorker | undefined

/** Joins the worker's listeners, and answers with the time at which the last chunk is there, and with the way to start the feed. */
export async function join(
  how: Alternative,
  feed: Feed,
  each?: (data: string) => void,
): Promise<{ finished: Promise<number>; start(): void }> {
  worker ??= new SharedWorker(new URL('./alternatives-worker.ts', import.meta.url), { type: 'module' })
  const { port } = worker
  const send = (message: ToAlternatives, transfer: Transferable[] = []): void => port.postMessage(message, transfer)
  let text = ''
  let end: (at: number) => void = () => undefined
  const finished = new Promise<number>((resolve) => {
    end = resolve
  })
  const take = ({ seq, data }: OneChunk): void => {
    text += data
    each?.(data)
    if (seq === feed.count) end(now())
  }

  let joined: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    joined = resolve
  })
  port.onmessage = ({ data }: MessageEvent<'joined' | OneChunk | OneChunk[]>) => {
    if (data === 'joined') joined()
    else if (Array.isArray(data)) for (const chunk of data) take(chunk)
    else take(data)
  }
  if (how === 'full-text') {
    const broadcast = new BroadcastChannel('full-text')
    broadcast.onmessage = ({ data }: MessageEvent<{ text: string; seq: number }>) => {
      text = data.text
      if (data.seq % ACK_EVERY === 0) send({ do: 'ack', seq: data.seq })
      if (data.seq !== feed.count) return
      broadcast.close()
      if (text.length < feed.count) throw new Error('The text is not complete.')
      end(now())
    }
  }
  if (how === 'callback-per-chunk') {
    const { port1, port2 } = new MessageChannel()
    Comlink.expose(take, port1)
    send({ do: 'join', how, callbacks: port2 }, [port2])
  } else {
    send({ do: 'join', how })
  }
  await ready
  return { finished, start: () => send({ do: 'start', how, feed }) }
}
