// The real hub, as sw/hub-worker.ts starts it, except that sources under http://feed.invalid/ are produced here in the worker, as the
// alternatives produce theirs. Everything else goes to the network.
import { nanoid } from 'nanoid'
import { Hub } from '../../../src/hub/hub.ts'
import { TabLink } from '../../../src/hub/tab-link.ts'
import { acquireLock } from '../../../src/liveness/locks.ts'
import { hubLock, MOVED_CHANNEL } from '../../../src/protocol/names.ts'
import { openIdbLogStore } from '../../../src/store/idb-store.ts'
import { createCancelUpstream } from '../../../src/upstream/cancel-upstream.ts'
import { createConnectUpstream } from '../../../src/upstream/connect-upstream.ts'
import type { UpstreamConnection, UpstreamFrame } from '../../../src/upstream/upstream.ts'
import type { Feed } from './feed.ts'
import { produce } from './feed.ts'

declare const self: { onconnect: ((event: MessageEvent) => void) | null }

async function* frames(feed: Feed): AsyncGenerator<UpstreamFrame> {
  let sent = 0
  for await (const read of produce(feed)) {
    const time = Date.now()
    sent += read.length
    yield {
      chunks: read.map((data) => ({ time, data })),
      position: { token: String(sent), skip: 0 },
      verdict: null,
      ...(sent >= feed.count && { ending: { kind: 'done' as const } }),
    }
  }
}

function connectFeed(url: URL): UpstreamConnection {
  const feed: Feed = {
    count: Number(url.searchParams.get('count')),
    kind: url.searchParams.get('kind') as Feed['kind'],
    paceMs: Number(url.searchParams.get('pace')),
    perRead: Number(url.searchParams.get('read')),
  }
  const head = { contentType: 'text/plain', dialect: null, resumeUrl: null, cancelUrl: null, resumable: true }
  return { head, [Symbol.asyncIterator]: () => frames(feed)[Symbol.asyncIterator]() }
}

async function start(): Promise<Hub> {
  const bootId = nanoid()
  await acquireLock(navigator.locks, hubLock(bootId))
  const connect = createConnectUpstream()
  return new Hub({
    bootId,
    tier: 'shared-worker',
    store: await openIdbLogStore(),
    locks: navigator.locks,
    pings: new BroadcastChannel(MOVED_CHANNEL),
    connect: async (request, signal) => {
      const url = new URL(request.source.url)
      return url.hostname === 'feed.invalid' ? connectFeed(url) : connect(request, signal)
    },
    cancel: createCancelUpstream(),
    append: () => Promise.reject(new Error('Nothing is uploaded here.')),
    clock: {
      now: () => Date.now(),
      delay: (ms, signal) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, ms)
          signal.addEventListener('abort', () => {
            clearTimeout(timer)
            resolve()
          })
        }),
    },
    reach: () => Promise.resolve(true),
    random: Math.random,
    online: () => true,
  })
}

const starting = start()
self.onconnect = ({ ports: [port] }) => {
  if (port) void starting.then((hub) => new TabLink(hub, port))
}
