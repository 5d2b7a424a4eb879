import type { Hono } from 'hono'
import { HEADER } from '../../protocol/http.ts'
import { answerJson, Refusal, SECURITY_HEADERS } from '../answers.ts'
import { runInfo } from '../channels/channel-info.ts'
import { parseOffset } from '../durable-streams/read-request.ts'
import { wrongPlace } from '../durable-streams/refusals.ts'
import type { OfferedModel } from '../models/model-info.ts'
import type { ServerContext } from '../server-context.ts'
import { checkChannel, parseChannel, parseRun } from '../stream-path.ts'
import type { StreamInfo } from '../stream-store.ts'
import { readChatBody } from './chat-body.ts'
import { chatResponse } from './chat-sse.ts'
import type { ModelRuns } from './model-runs.ts'
import { nameRun } from './run-name.ts'
import { unknownRun } from './unknown-run.ts'

/** `/v1/chat` and `/v1/models`. */
export function addChatRoutes(
  app: Hono,
  context: ServerContext,
  runs: ModelRuns,
  models: readonly OfferedModel[],
): void {
  app.get('/v1/models', () =>
    answerJson({ models: models.map(({ info }) => info), default: models[0]?.info.id ?? null }),
  )
  app.post('/v1/chat', (c) => startChat(context, runs, models, c.req.raw))
  app.get('/v1/chat/:id/stream', (c) => continueChat(context, c.req.raw))
  app.post('/v1/chat/:id/cancel', (c) => cancelChat(context, runs, c.req.raw))
}

async function startChat(
  context: ServerContext,
  runs: ModelRuns,
  models: readonly OfferedModel[],
  request: Request,
): Promise<Response> {
  const body = await readChatBody(request)
  const channel = checkChannel(body.id)
  await context.authorize(request, 'create', encodeURIComponent(channel))
  const offered = body.model === null ? models[0] : models.find(({ info }) => info.id === body.model)
  if (offered === undefined) {
    const known = models.map(({ info }) => info.id).join(', ')
    throw new Refusal(400, 'unknown-model', known === '' ? 'No model is configured.' : `The models here are: ${known}.`)
  }
  const name = { channel, run: await nameRun(request.headers.get(HEADER.idempotencyKey)) }
  const started = await runs.start(name, {
    model: offered.model,
    secrets: offered.secrets ?? [],
    messages: body.messages,
    messageId: `msg-${name.run}`,
  })
  if (started === 'taken') {
    throw new Refusal(409, 'conflict', 'Another stream has the name of this run. Send another Idempotency-Key.')
  }
  return chatResponse(context, request, name, 'start')
}

async function continueChat(context: ServerContext, request: Request): Promise<Response> {
  const url = new URL(request.url)
  const channel = channelOf(url)
  await context.authorize(request, 'read', encodeURIComponent(channel))
  const run = url.searchParams.get('run')
  if (run === null) {
    const live = (await chatRuns(context, channel)).find((info) => info.ending === null)
    if (live === undefined) return new Response(null, { status: 204, headers: SECURITY_HEADERS })
    return chatResponse(context, request, live.name, 'start')
  }
  const name = { channel, run: parseRun(run) }
  const offset = request.headers.get('last-event-id') ?? url.searchParams.get('offset')
  const from = offset === null ? 'start' : parseOffset(offset)
  // One byte: only to see whether run and place are there, as long as a status can say so.
  const page = await context.store.read(name, from, 1)
  if (page.kind === 'bad-place') throw wrongPlace()
  if (page.kind !== 'page' || !page.info.chat) throw await unknownRun(context, name)
  return chatResponse(context, request, name, from)
}

async function cancelChat(context: ServerContext, runs: ModelRuns, request: Request): Promise<Response> {
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
  await runs.cancel(wanted.name)
  const after = await context.store.info(wanted.name)
  return answerJson(runInfo(typeof after === 'string' ? wanted : after))
}

async function chatRuns(context: ServerContext, channel: string): Promise<StreamInfo[]> {
  return (await context.store.runs(channel)).filter((info) => info.chat)
}

// The path as it was sent: a router may have decoded `%2F` by now.
function channelOf(url: URL): string {
  return parseChannel(url.pathname.split('/')[3] ?? '')
}
