import { HEADER } from '../../protocol/http.ts'
import { Refusal } from '../answers.ts'
import type { PlainAnswer } from '../plain-answer.ts'
import type { PlainRequest } from '../plain-request.ts'
import { readBody } from '../request-body.ts'
import type { ServerContext } from '../server-context.ts'
import { splitJsonMessages } from '../split-json.ts'
import type { StreamName } from '../stream-store.ts'
import { isJson } from '../stream-store.ts'
import { absent, refusedAppend } from './refusals.ts'
import { readEnding, readLease, readProducer, readStreamSeq } from './request-headers.ts'
import { tailHeaders } from './response-headers.ts'

/** POST: appends, closes, or both at once. */
export async function appendByPost(
  context: ServerContext,
  request: PlainRequest,
  name: StreamName,
): Promise<PlainAnswer> {
  await context.authorize(request, 'append', name)
  const { headers } = request
  const producer = readProducer(headers)
  const ending = readEnding(headers)
  const streamSeq = readStreamSeq(headers)
  const body = await readBody(request, context.maxAppendBytes)
  const records = body.byteLength === 0 ? [] : await recordsOf(context, name, headers.get('content-type'), body)
  if (body.byteLength === 0 && ending === null && readLease(headers) !== null) return renewLease(context, name)
  if (records.length === 0 && (ending === null || body.byteLength > 0)) {
    throw new Refusal(400, 'empty', 'There is nothing to append. To close the stream, send Stream-Closed: true.')
  }

  const contentType = records.length === 0 ? null : headers.get('content-type')
  const { maxStreamBytes: maxBytes } = context
  const result = await context.store.append(name, { contentType, records, producer, streamSeq, ending, maxBytes })
  if (result.kind !== 'appended' && result.kind !== 'duplicate') throw refusedAppend(result)
  if (result.kind === 'appended') {
    context.counters.appends += 1
    context.counters.appendedBytes += body.byteLength
  }
  // Durable Streams 5.2.1: 200 says "new data of a producer", 204 everything else that went well.
  const isNewData = result.kind === 'appended' && producer !== null && records.length > 0
  return {
    body: null,
    status: isNewData ? 200 : 204,
    headers: {
      ...tailHeaders(result.info),
      ...(result.producer !== null && {
        [HEADER.producerEpoch]: String(result.producer.epoch),
        [HEADER.producerSeq]: String(result.producer.seq),
      }),
    },
  }
}

/** A sign of life of a producer that has nothing to say. The answer says whether it may still say something. */
async function renewLease(context: ServerContext, name: StreamName): Promise<PlainAnswer> {
  const info = await context.store.renewLease(name)
  if (typeof info === 'string') throw absent(info)
  if (info.ending !== null) throw refusedAppend({ kind: 'closed', info })
  if (info.lease === null) throw new Refusal(409, 'no-lease', 'This stream was created without Stream-Lease.')
  return { status: 204, headers: tailHeaders(info), body: null }
}

async function recordsOf(
  context: ServerContext,
  name: StreamName,
  contentType: string | null,
  body: Uint8Array,
): Promise<Uint8Array[]> {
  if (contentType === null || contentType === '') {
    throw new Refusal(400, 'no-content-type', 'Content-Type is missing. Send that of the stream.')
  }
  if (!isJson(contentType)) return [body]
  // Before the body is judged as JSON: a stream that does not exist, or holds something else, is the better answer.
  const info = await context.store.info(name)
  if (typeof info === 'string') throw absent(info)
  return isJson(info.contentType) ? splitJsonMessages(body, context.maxEventBytes) : [body]
}
