import { Refusal, SECURITY_HEADERS } from '../answers.ts'
import type { PlainAnswer } from '../plain-answer.ts'
import type { PlainRequest } from '../plain-request.ts'
import type { ServerContext } from '../server-context.ts'
import { parseStreamPath } from '../stream-path.ts'
import { appendByPost } from './append.ts'
import { createByPut } from './create.ts'
import { describeByHead, readByGet } from './read.ts'
import { absent } from './refusals.ts'

const METHODS = 'GET, HEAD, PUT, POST, DELETE, OPTIONS'
// What clients of the protocol send beyond the simple headers. No origin is ever allowed, so a browser elsewhere still gets nothing.
const HEADERS =
  'content-type, if-none-match, last-event-id, stream-seq, stream-ttl, stream-expires-at, stream-closed, stream-ending, ' +
  'stream-lease, producer-id, producer-epoch, producer-seq'

/** One request to a stream's address, whose path is `pathname`. */
export async function routeStream(
  context: ServerContext,
  request: PlainRequest,
  pathname: string,
): Promise<PlainAnswer> {
  if (request.method === 'OPTIONS') {
    const headers = { allow: METHODS, 'access-control-allow-headers': HEADERS, ...SECURITY_HEADERS }
    return { status: 204, headers, body: null }
  }
  const name = parseStreamPath(pathname)
  switch (request.method) {
    case 'PUT':
      return createByPut(context, request, name)
    case 'POST':
      return appendByPost(context, request, name)
    case 'GET':
      return readByGet(context, request, name)
    case 'HEAD':
      return describeByHead(context, request, name)
    case 'DELETE': {
      await context.authorize(request, 'delete', name)
      const result = await context.store.remove(name)
      if (result !== 'removed') throw absent(result)
      return { status: 204, headers: SECURITY_HEADERS, body: null }
    }
    default:
      throw new Refusal(405, 'bad-method', `A stream understands ${METHODS}.`, { allow: METHODS })
  }
}
