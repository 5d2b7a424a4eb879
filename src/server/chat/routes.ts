import type { Context, Hono } from 'hono'
import { accepts } from 'hono/accepts'
import { HeadwaterError } from '../../protocol/errors.ts'
import { HEADER } from '../../protocol/http.ts'
import { answerJson, Refusal, SECURITY_HEADERS } from '../answers.ts'
import { runInfo } from '../channels/channel-info.ts'
import { parseOffset } from '../durable-streams/read-request.ts'
import { checkRoom, wrongPlace } from '../durable-streams/refusals.ts'
import type { OfferedModel } from '../models/model-info.ts'
import type { Writers } from '../producers/writers.ts'
import type { ServerContext } from '../server-context.ts'
import { checkChannel, parseChannel, parseRun } from '../stream-path.ts'
import type { Place, StreamInfo, StreamName } from '../stream-store.ts'
import { readChatBody } from './chat-body.ts'
import { chatSseResponse } from './chat-sse.ts'
import { chatTextResponse } from './chat-text.ts'
import { nameRun } from './run-name.ts'
import { startRun } from './start-run.ts'
import { unknownRun } from './unknown-run.ts'

export interface ChatOptions {
  readonly context: ServerContext
  readonly writers: Writers
  readonly models: readonly OfferedModel[]
  readonly resumable: boolean
}

/** `/v1/chat` and `/v1/models`. */
export function addChatRoutes(app: Hono, chat: ChatOptions): void {
  const { models } = chat
  app.get('/v1/models', () =>
    answerJson({ models: models.map(({ info }) => info), default: models[0]?.info.id ?? null }),
  )
  app.post('/v1/chat', (c) => startChat(chat, c))
  app.get('/v1/chat/:id/stream', (c) => continueChat(chat, c))
  app.post('/v1/chat/:id/cancel', (c) => cancelChat(chat, c.req.raw))
}

async function startChat({ context, writers, models, resumable }: ChatOptions, c: Context): Promise<Response> {
  const request = c.req.raw
  const body = await readChatBody(request)
  const channel = checkChannel(body.id)
  await context.authorize(request, 'create', encodeURIComponent(channel))
  const offered = body.model === null ? models[0] : models.find(({ info }) => info.id === body.model)
  if (offered === undefined) {
    const known = models.map(({ info }) => info.id).join(', ')
    throw new Refusal(400, 'unknown-model', known === '' ? 'No model is configured.' : `The models here are: ${known}.`)
  }
  const name = { channel, run: await nameRun(request.headers.get(HEADER.idempotencyKey)) }
  await checkRoom(context, name)
  const started = await startRun(writers, name, {
    model: offered.model,
    settings: offered.settings ?? {},
    secrets: offered.secrets ?? [],
    messages: body.messages,
    messageId: `msg-${name.run}`,
  }).catch(refuseStart)
  if (started === 'taken') {
    throw new Refusal(409, 'conflict', 'Another stream has the name of this run. Send another Idempotency-Key.')
  }
  // Somebody else's run, perhaps: to start one is not to read it.
  if (started === 'joined') await context.authorize(request, 'read', encodeURIComponent(channel))
  const isTied = !resumable && started === 'started'
  const onClose = isTied ? (): void => void writers.cancel(name).catch(() => undefined) : undefined
  return answerRun(context, c, { name, from: 'start', onClose })
}

async function continueChat({ context, resumable }: ChatOptions, c: Context): Promise<Response> {
  const request = c.req.raw
  const url = new URL(request.url)
  const channel = channelOf(url)
  await context.authorize(request, 'read', encodeURIComponent(channel))
  const run = url.searchParams.get('run')
  if (run === null) {
    const live = resumable ? (await chatRuns(context, channel)).find((info) => info.ending === null) : undefined
    if (live === undefined) {
      return new Response(null, { status: 204, headers: { 'cache-control': 'no-store', ...SECURITY_HEADERS } })
    }
    return answerRun(context, c, { name: live.name, from: 'start' })
  }
  const name = { channel, run: parseRun(run) }
  const offset = request.headers.get('last-event-id') ?? url.searchParams.get('offset')
  const from = offset === null ? 'start' : parseOffset(offset)
  // One byte: only to see whether run and place are there, as long as a status can say so.
  const page = await context.store.read(name, from, 1)
  if (page.kind === 'bad-place') throw wrongPlace()
  if (page.kind !== 'page' || !page.info.chat) throw await unknownRun(context, name)
  return answerRun(context, c, { name, from })
}

interface Reading {
  readonly name: StreamName
  readonly from: Place | 'start' | 'tail'
  readonly onClose?: (() => void) | undefined
}

/** A run in the format that the client prefers: the AI SDK's, or plain text. */
function answerRun(context: ServerContext, c: Context, { name, from, onClose }: Reading): Response {
  const leave = context.readers.enter(name)
  const reading = {
    name,
    from,
    onClose: () => {
      leave()
      onClose?.()
    },
  }
  const supports = ['text/event-stream', 'text/plain']
  const format = accepts(c, { header: 'Accept', supports, default: 'text/event-stream' })
  const answer = format === 'text/plain' ? chatTextResponse : chatSseResponse
  return answer(context, c.req.raw, reading)
}

async function cancelChat({ context, writers }: ChatOptions, request: Request): Promise<Response> {
  const url = new URL(request.url)
  const channel = channelOf(url)
  await context.authorize(request, 'cancel', encodeURIComponent(channel))
  const run = url.searchParams.get('run')
  const known = await chatRuns(context, channel)
  const wanted =
    run === null
      ? (known.find((info) => info.ending === null) ?? known[0])
      : known.find((info) => info.name.run === parseRun(run))
  if (wanted === undefined) throw await unknownRun(context, { channel, run: run ?? '' })
  await writers.cancel(wanted.name)
  const after = await context.store.info(wanted.name)
  return answerJson(runInfo(typeof after === 'string' ? wanted : after))
}

function refuseStart(error: unknown): never {
  const isPassing = error instanceof HeadwaterError && (error.code === 'busy' || error.code === 'closed')
  throw isPassing ? new Refusal(503, error.code, error.message, { 'retry-after': '5' }) : error
}

async function chatRuns(context: ServerContext, channel: string): Promise<StreamInfo[]> {
  return (await context.store.runs(channel)).filter((info) => info.chat)
}

// The path as it was sent: a router may have decoded `%2F` by now.
function channelOf(url: URL): string {
  return parseChannel(url.pathname.split('/')[3] ?? '')
}
