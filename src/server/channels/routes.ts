import type { Hono } from 'hono'
import { answerJson } from '../answers.ts'
import type { Writers } from '../producers/writers.ts'
import type { ServerContext } from '../server-context.ts'
import { sseResponse } from '../sse-response.ts'
import { parseChannel } from '../stream-path.ts'
import { cancelRun } from './cancel-run.ts'
import { channelInfo, channelList, runInfo, runList } from './channel-info.ts'
import { feed } from './feed.ts'
import type { FeedOptions } from './feed.ts'
import { knownRuns } from './known-runs.ts'
import { parseListPage } from './list-page.ts'
import type { ListPage } from './list-page.ts'

/** `/v1/channels`. */
export function addChannelRoutes(app: Hono, context: ServerContext, writers: Writers): void {
  app.get('/v1/channels', (c) => listChannels(context, c.req.raw))
  app.get('/v1/channels/:channel', (c) => listRuns(context, c.req.raw))
  app.post('/v1/channels/:channel/cancel', (c) => cancelLive(context, writers, c.req.raw))
}

async function listChannels(context: ServerContext, request: Request): Promise<Response> {
  await context.authorize(request, 'read', '')
  if (!isLive(request)) return answerJson(channelList(await context.store.channels(), pageOf(request)))
  return feedResponse(context, request, {
    snapshot: async () => channelList(await context.store.channels()),
    keyOf: ({ name }) => (name.channel === '' ? null : name.channel),
    describe: async (channel) => {
      const runs = await context.sharedRuns.of(channel)
      const [newest] = runs
      return newest === undefined
        ? { event: 'removed', data: { channel } }
        : { event: 'channel', data: channelInfo({ channel, newest, runs: runs.length }) }
    },
  })
}

async function listRuns(context: ServerContext, request: Request): Promise<Response> {
  const channel = channelOf(request)
  await context.authorize(request, 'read', encodeURIComponent(channel))
  const known = await knownRuns(context, channel)
  if (!isLive(request)) return answerJson(runList(channel, known, pageOf(request)))
  return feedResponse(context, request, {
    snapshot: async () => runList(channel, await context.store.runs(channel)),
    keyOf: ({ name }) => (name.channel === channel ? name.run : null),
    describe: async (run) => {
      const info = await context.store.info({ channel, run })
      return typeof info === 'string' ? { event: 'removed', data: { run } } : { event: 'run', data: runInfo(info) }
    },
  })
}

async function cancelLive(context: ServerContext, writers: Writers, request: Request): Promise<Response> {
  const channel = channelOf(request)
  await context.authorize(request, 'cancel', encodeURIComponent(channel))
  const run = new URL(request.url).searchParams.get('run')
  return answerJson(runInfo(await cancelRun(context, writers, channel, run)))
}

function feedResponse(
  context: ServerContext,
  request: Request,
  options: Omit<FeedOptions, 'context' | 'signal'>,
): Response {
  return sseResponse({
    signal: request.signal,
    shutdown: context.shutdown,
    onClose: () => {},
    events: (signal) => feed({ ...options, context, signal }),
  })
}

const isLive = (request: Request): boolean => new URL(request.url).searchParams.get('live') === 'sse'

/** @throws {Refusal} 400 */
function pageOf(request: Request): ListPage {
  const { searchParams } = new URL(request.url)
  return parseListPage(searchParams.get('limit') ?? undefined, searchParams.get('before') ?? undefined)
}

// The path as it was sent: a router may have decoded `%2F` by now.
function channelOf(request: Request): string {
  return parseChannel(new URL(request.url).pathname.split('/')[3] ?? '')
}
