import { Refusal } from '../answers.ts'
import { isContentType } from '../content-type.ts'
import type { PlainAnswer } from '../plain-answer.ts'
import type { PlainRequest } from '../plain-request.ts'
import { readBody } from '../request-body.ts'
import type { ServerContext } from '../server-context.ts'
import { splitJsonMessages } from '../split-json.ts'
import { streamPath } from '../stream-path.ts'
import type { ForkRequest, StreamName } from '../stream-store.ts'
import { isJson } from '../stream-store.ts'
import { absent, checkRoom, refusedCreate, streamFull } from './refusals.ts'
import { readEnding, readExpiry, readFork, readLease } from './request-headers.ts'
import { describeHeaders, tailHeaders } from './response-headers.ts'

const DEFAULT_TYPE = 'application/octet-stream'

/** PUT: a new stream, or the one of that name where it is the same. */
export async function createByPut(
  context: ServerContext,
  request: PlainRequest,
  name: StreamName,
): Promise<PlainAnswer> {
  await context.authorize(request, 'create', name)
  const { headers } = request
  const expiry = readExpiry(headers)
  const ending = readEnding(headers)
  const leaseSeconds = readLease(headers)
  const fork = readFork(headers)
  if (fork !== null) await context.authorize(request, 'read', fork.from)
  await checkRoom(context, name)
  const contentType = await typeOf(context, headers.get('content-type'), fork)
  const body = await readBody(request, context.maxAppendBytes)
  if (body.byteLength > context.maxStreamBytes) throw streamFull()
  const records =
    body.byteLength === 0 ? [] : isJson(contentType) ? splitJsonMessages(body, context.maxEventBytes) : [body]

  const result = await context.store.create(name, { contentType, ...expiry, records, ending, fork, leaseSeconds })
  if (result.kind !== 'created' && result.kind !== 'exists') throw refusedCreate(result)
  if (result.kind === 'created') {
    context.counters.appendedBytes += body.byteLength
  }
  return {
    body: null,
    status: result.kind === 'created' ? 201 : 200,
    headers: {
      ...tailHeaders(result.info),
      ...describeHeaders(result.info),
      ...(result.kind === 'created' && { location: new URL(streamPath(name), request.url).href }),
    },
  }
}

async function typeOf(context: ServerContext, given: string | null, fork: ForkRequest | null): Promise<string> {
  if (given !== null && given !== '') {
    if (!isContentType(given)) {
      throw new Refusal(400, 'bad-header', 'Content-Type must be a media type such as text/plain.')
    }
    return given
  }
  if (fork === null) return DEFAULT_TYPE
  const source = await context.store.info(fork.from)
  if (source === 'missing') throw absent(source)
  if (source === 'gone') throw refusedCreate({ kind: 'fork-gone' })
  return source.contentType
}
