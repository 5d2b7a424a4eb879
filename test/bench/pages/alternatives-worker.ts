// What people write who have no hub: four ways to bring the chunks of one worker to all tabs, of which none stores anything; and the least that
// does, one record in a transaction of its own before each message.
import * as Comlink from 'comlink'
import { openDB, type IDBPDatabase } from 'idb'
import type { Feed } from './feed.ts'
import { produce } from './feed.ts'

declare const self: { onconnect: ((event: MessageEvent) => void) | null }

export type Alternative = 'full-text' | 'message-per-chunk' | 'stored-message' | 'callback-per-chunk' | 'raw-batches'

/** What tabs send. */
export type ToAlternatives =
  | { do: 'join'; how: Alternative; callbacks?: MessagePort }
  | { do: 'start'; how: Alternative; feed: Feed }
  | { do: 'ack'; seq: number }

/** One chunk, where they go one by one. */
export interface OneChunk {
  seq: number
  time: number
  data: string
}

export type ChunkCallback = (chunk: OneChunk) => void

/** Chunks that a tab may be behind with, where each message is large or holds a promise: without it the browser runs out of memory. */
const WINDOW = 500

interface Tab {
  port: MessagePort
  callback: Comlink.Remote<ChunkCallback> | null
  acked: number
}

const tabs: Tab[] = []
const broadcast = new BroadcastChannel('full-text')
let wake: (() => void) | null = null

let opened: Promise<IDBPDatabase> | undefined

/** Resolves once the chunk is stored, as durably as the hub stores chunks. */
async function store(chunk: OneChunk): Promise<void> {
  opened ??= openDB('alternatives', 1, { upgrade: (db) => void db.createObjectStore('chunks', { keyPath: 'seq' }) })
  const tx = (await opened).transaction('chunks', 'readwrite', { durability: 'relaxed' })
  void tx.store.put(chunk)
  tx.commit()
  await tx.done
}

async function acked(seq: number): Promise<void> {
  while (tabs.some((tab) => tab.acked < seq)) {
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
}

/** Gives one chunk, the `seq`th, to all tabs. */
async function give(how: Alternative, chunk: OneChunk, text: string): Promise<void> {
  if (how === 'full-text') {
    broadcast.postMessage({ text, seq: chunk.seq })
    if (chunk.seq % (WINDOW / 2) === 0) await acked(chunk.seq - WINDOW / 2)
  } else if (how === 'message-per-chunk' || how === 'stored-message') {
    if (how === 'stored-message') await store(chunk)
    for (const { port } of tabs) port.postMessage(chunk)
  } else {
    const calls = tabs.flatMap(({ callback }) => (callback ? [callback(chunk)] : []))
    if (chunk.seq % WINDOW === 0) await Promise.all(calls)
  }
}

async function run(how: Alternative, feed: Feed): Promise<void> {
  let seq = 0
  let text = ''
  for (const tab of tabs) tab.acked = 0
  for await (const read of produce(feed)) {
    const time = Date.now()
    if (how === 'raw-batches') {
      const chunks = read.map((data, i): OneChunk => ({ seq: seq + 1 + i, time, data }))
      for (const { port } of tabs) port.postMessage(chunks)
      seq += read.length
      continue
    }
    for (const data of read) {
      text += data
      await give(how, { seq: ++seq, time, data }, text)
    }
  }
}

self.onconnect = ({ ports: [port] }) => {
  if (!port) return
  const tab: Tab = { port, callback: null, acked: 0 }
  port.onmessage = ({ data }: MessageEvent<ToAlternatives>) => {
    if (data.do === 'join') {
      tab.callback = data.callbacks ? Comlink.wrap<ChunkCallback>(data.callbacks) : null
      if (!tabs.includes(tab)) tabs.push(tab)
      port.postMessage('joined')
    } else if (data.do === 'ack') {
      tab.acked = data.seq
      wake?.()
    } else {
      void run(data.how, data.feed)
    }
  }
}
