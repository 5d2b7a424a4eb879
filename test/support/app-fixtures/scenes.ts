import type { Ending, Part, Status, StreamInfo } from 'headwater'
import type { FakeHub } from './fake-hub.ts'
import type { FakeStream } from './fake-stream.ts'

const NOW = Date.now()
const MINUTE = 60_000

const ANSWER = `Here is how the three compare.

| store | writes/s | survives \`kill -9\` |
|---|---|---|
| memory | 900,000 | no |
| embedded | 306,000 | yes |

1. Take the lock.
2. Read the committed position.
3. Raise the epoch, **then** fetch.

\`\`\`typescript
export function samePosition(a: Position, b: Position): boolean {
  // The token alone is not enough.
  return a.token === b.token && a.skip === 3
}
\`\`\`

> A lost connection is never an ending.

See [the protocol](https://example.com/protocol) and ![a picture](https://example.com/x.png).`

function runUrl(channel: string, run: number): string {
  return new URL(`/v1/stream/${encodeURIComponent(channel)}/${run}`, location.origin).href
}

type LogScene = Partial<StreamInfo> & { status: Status; ending?: Ending | null }

function addLog(hub: FakeHub, channel: string, age: number, info: LogScene): FakeStream {
  const stream = hub.add({
    streamId: channel,
    channel,
    createdAt: NOW - age * MINUTE,
    url: runUrl(channel, 1),
    ...info,
  })
  const lines = [
    '\u001b[1m$ make -j2\u001b[0m',
    '\u001b[36minfo\u001b[0m  compiling \u001b[38;5;208m143\u001b[0m files',
    '\u001b[33mwarn\u001b[0m  unused variable \u001b[3mlength\u001b[0m in \u001b[4msrc/journal.ts\u001b[0m',
    '\u001b[32mok\u001b[0m    store \u001b[2m(1.2 s)\u001b[0m   \u001b[41m 2 flaky \u001b[0m  <b>not bold</b>',
    'progress   1 %\rprogress  50 %\rprogress 100 %',
    '',
  ]
  for (const line of lines) stream.write(`${line}\n`)
  for (let i = 1; i <= 3000; i++)
    stream.write(`line ${i} of a long run, with enough text to be wider than a phone's screen is\n`)
  return stream
}

function addChat(
  hub: FakeHub,
  channel: string,
  question: string,
  age: number,
  parts: Part[],
  info: Partial<StreamInfo>,
) {
  const n = hub.streams_.length
  const stream = hub.add({
    streamId: `answer-${n}`,
    channel,
    dialect: 'ai-sdk',
    createdAt: NOW - age * MINUTE,
    meta: { user: { id: `user-${n}`, text: question }, answerId: `answer-${n}` },
    ...info,
  })
  stream.parts = parts
}

const done = { status: 'done', ending: { kind: 'done' } } satisfies Partial<StreamInfo>
const reasoning: Extract<Part, { type: 'reasoning' }> = {
  type: 'reasoning',
  text: 'They ask for a comparison, so a table first.\nThen the steps.',
  state: 'done',
}
const answer: Part = { type: 'text', text: ANSWER, state: 'done' }

/** One channel for each state that a person can meet. */
export function addAllStates(hub: FakeHub): void {
  addLog(hub, 'build', 1, { status: 'streaming' })
  addLog(hub, 'tests', 4, { status: 'error', ending: { kind: 'error', code: 'exit-status', exitCode: 3 } })
  addLog(hub, 'deploy', 7, { status: 'stopped', ending: { kind: 'cancelled' }, canRetry: true })
  addLog(hub, 'nightly/a very long channel name that does not fit', 9, done)
  addLog(hub, 'sensor', 12, { status: 'reconnecting', waitingFor: 'server' })
  addLog(hub, 'metrics', 14, { status: 'disconnected', waitingFor: 'network', canResume: true, canRetry: true })
  addLog(hub, 'worker', 16, { status: 'error', ending: { kind: 'error', code: 'producer-lost' }, canRetry: true })
  addLog(hub, 'paused', 20, { status: 'stopped', canResume: true })
  addLog(hub, 'waiting', 22, { status: 'connecting', waitingFor: 'connection' })
  addChat(hub, 'chat:done', 'How do the stores compare, and what does a hand-over do?', 30, [reasoning, answer], done)
  addChat(
    hub,
    'chat:done',
    'Thanks! And in one sentence?',
    29,
    [{ type: 'text', text: 'Take over, *then* fetch.', state: 'done' }],
    done,
  )
  addChat(hub, 'chat:live', 'Write a long answer', 3, [{ ...reasoning, state: 'done' }, { type: 'text', text: ANSWER.slice(0, 300), state: 'streaming' }], { status: 'streaming' }) // prettier-ignore
  addChat(hub, 'chat:thinking', 'Think first', 2, [{ ...reasoning, state: 'streaming' }], { status: 'streaming' })
  addChat(hub, 'chat:waiting', 'Are you there?', 2, [], { status: 'connecting' })
  addChat(hub, 'chat:queued', 'How deep is the river here?', 2, [], { status: 'queued', waitingFor: 'network' })
  addChat(hub, 'chat:queued', 'And how wide, where the ferry crosses it?', 1, [], { status: 'queued' })
  addChat(hub, 'chat:paused', 'A paused one', 33, [answer], { status: 'stopped', canResume: true })
  addChat(hub, 'chat:cancelled', 'A cancelled one', 34, [{ type: 'text', text: 'It began', state: 'done' }], { status: 'stopped', ending: { kind: 'cancelled' }, canRetry: true }) // prettier-ignore
  addChat(hub, 'chat:failed', 'A failed one', 35, [{ type: 'text', text: 'It began', state: 'done' }], { status: 'error', ending: { kind: 'error', code: 'upstream-error' }, failure: { code: 'upstream-error', message: 'The model said: rate limit reached.' }, canRetry: true }) // prettier-ignore
  addChat(hub, 'chat:lost', 'A lost one', 36, [{ type: 'text', text: 'It began', state: 'done' }], { status: 'reconnecting', waitingFor: 'server' }) // prettier-ignore
}

/** The feed of channels, as the hub would hold it. */
export function addFeed(hub: FakeHub, offline: boolean): void {
  const feed = hub.add({
    streamId: 'feed',
    channel: 'headwater:channels',
    ...(offline ? { status: 'reconnecting', waitingFor: 'server' } : { status: 'streaming' }),
  })
  const run = (channel: string, n: number) => ({
    run: String(n),
    url: new URL(runUrl(channel, n)).pathname,
    status: 'live',
    ending: null,
    contentType: 'text/plain',
    size: 0,
    createdAt: NOW - MINUTE,
    updatedAt: NOW,
  })
  const channels = hub.streams_.length > 1 ? [{ channel: 'build', newest: run('build', 1), runs: 3 }] : []
  feed.write(JSON.stringify({ channels }), 'snapshot')
}

/** What the server would answer to the app's own questions. */
export function answerFetch(): void {
  const models = [
    { id: 'demo', provider: 'demo', label: 'Demo, no real model', demo: true },
    { id: 'llama3', provider: 'ollama', label: 'Llama 3', demo: false },
  ]
  const ending = { kind: 'error', exitCode: 2 }
  const run = {
    run: '1',
    contentType: 'text/plain',
    size: 1,
    createdAt: NOW,
    updatedAt: NOW,
    ending: null,
    status: 'live',
  }
  const runs = [
    { ...run, url: new URL(runUrl('build', 1)).pathname },
    { ...run, url: '/v1/stream/build/0', status: 'error', ending, createdAt: NOW - 60 * MINUTE },
  ]
  const real = globalThis.fetch.bind(globalThis)
  globalThis.fetch = (input, init) => {
    const path = input instanceof Request ? input.url : input.toString()
    if (path === '/v1/models') return Promise.resolve(Response.json({ models, default: 'demo' }))
    if (path.startsWith('/v1/channels/')) return Promise.resolve(Response.json({ channel: 'build', runs }))
    return real(input, init)
  }
}
