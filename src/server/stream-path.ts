import { HeadwaterError } from '../protocol/errors.ts'
import { checkChannelName, checkStreamId } from '../protocol/names.ts'
import { Refusal } from './answers.ts'
import type { StreamName } from './stream-store.ts'

export const STREAM_PREFIX = '/v1/stream/'
export const CHAT_PREFIX = '/v1/chat/'

/**
 * The stream that a path names: the last segment is the run, what comes before it the channel.
 * @param path as in a URL, percent-encoded
 * @throws {Refusal} 400, where a segment is empty, is not percent-encoded UTF-8, or is no name; 404, where it is no path of a stream
 */
export function parseStreamPath(path: string): StreamName {
  if (!path.startsWith(STREAM_PREFIX)) {
    throw new Refusal(404, 'not-found', `A stream's address begins with ${STREAM_PREFIX}.`)
  }
  const segments = path.slice(STREAM_PREFIX.length).split('/').map(decodeSegment)
  if (segments.includes('')) throw new Refusal(400, 'bad-name', 'A segment of the stream’s address is empty.')
  const run = checkedName(segments.at(-1), checkStreamId)
  if (segments.length === 1) return { channel: '', run }
  return { channel: checkedName(segments.slice(0, -1).join('/'), checkChannelName), run }
}

/** A channel's name out of one percent-encoded segment. @throws {Refusal} 400 */
export function parseChannel(segment: string): string {
  return checkChannel(decodeSegment(segment))
}

/** A channel's name as it is. @throws {Refusal} 400 */
export function checkChannel(name: string): string {
  return checkedName(name, checkChannelName)
}

/** A run's name out of a query. @throws {Refusal} 400 */
export function parseRun(value: string): string {
  return checkedName(value, checkStreamId)
}

/** The path of a stream, relative to the server. */
export function streamPath(name: StreamName): string {
  const run = encodeURIComponent(name.run)
  return STREAM_PREFIX + (name.channel === '' ? run : `${encodeURIComponent(name.channel)}/${run}`)
}

/** The address under which a chat's run is continued, relative to the server. */
export function chatRunPath(name: StreamName): string {
  return `${CHAT_PREFIX}${encodeURIComponent(name.channel)}/stream?run=${encodeURIComponent(name.run)}`
}

export function chatCancelPath(name: StreamName): string {
  return `${CHAT_PREFIX}${encodeURIComponent(name.channel)}/cancel?run=${encodeURIComponent(name.run)}`
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new Refusal(400, 'bad-name', 'The address is not percent-encoded UTF-8.')
  }
}

function checkedName(name: string | undefined, check: (name: unknown) => string): string {
  try {
    return check(name)
  } catch (error) {
    if (error instanceof HeadwaterError) throw new Refusal(400, error.code, error.message)
    throw error
  }
}
