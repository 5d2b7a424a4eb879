import { HeadwaterError } from './errors.ts'

/** Longest channel name and stream id, in UTF-16 units: they become parts of URLs, lock names and keys. */
export const MAX_NAME_LENGTH = 256

// C0, DEL, C1, and the line separators that would tear a log line or a terminal apart.
// eslint-disable-next-line no-control-regex -- control characters are what this pattern is for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** A lone surrogate has no UTF-8 form: the name would come back from the server as another one. */
function isWellFormed(name: string): boolean {
  try {
    encodeURIComponent(name)
    return true
  } catch {
    return false
  }
}

function whatIsWrong(name: unknown): string | null {
  if (typeof name !== 'string') return `must be a string, not ${name === null ? 'null' : typeof name}`
  if (name === '') return 'must not be empty'
  if (name.length > MAX_NAME_LENGTH) return `must be at most ${MAX_NAME_LENGTH} characters, not ${name.length}`
  if (CONTROL.test(name)) return 'must not contain control characters'
  if (!isWellFormed(name)) return 'must be well-formed Unicode'
  return null
}

/**
 * A channel's name, checked.
 * @throws {HeadwaterError} `bad-name`
 */
export function checkChannelName(name: unknown): string {
  const wrong = whatIsWrong(name)
  if (wrong !== null) throw new HeadwaterError('bad-name', `The channel's name ${wrong}.`, name)
  return name as string
}

/**
 * A stream's id, checked.
 * @throws {HeadwaterError} `bad-id`
 */
export function checkStreamId(id: unknown): string {
  const wrong = whatIsWrong(id)
  if (wrong !== null) throw new HeadwaterError('bad-id', `The stream's id ${wrong}.`, id)
  return id as string
}

/** Names of the things that all hubs and tabs of an origin share. The storage format's version is in the database's name. */
export const DATABASE_NAME = 'headwater-1'
export const tabLock = (clientId: string): string => `headwater:tab:${clientId}`
export const hubLock = (bootId: string): string => `headwater:hub:${bootId}`
export const ownLock = (streamId: string): string => `headwater:own:${streamId}`
/** Held by the hub that uploads what a page writes. */
export const uploadLock = (streamId: string): string => `headwater:upload:${streamId}`
/** Held in shared mode by every hub that has a reader of the stream: whoever gets it alone knows that nobody reads. */
export const readingLock = (streamId: string): string => `headwater:reading:${streamId}`
/** BroadcastChannel on which hubs tell each other that a row moved. A hint, never the truth (hand-over rule 11). */
export const MOVED_CHANNEL = 'headwater-1:moved'

/** In localStorage: the generation of SharedWorkers that pages go to. Those before it did not answer a visible page. */
export const GENERATION_KEY = 'headwater:generation'

/** Held by the tab whose worker is the hub, in the leader tier; whoever waits for it is next. */
export const LEADER_LOCK = 'headwater:leader'
/** Held while a tab takes {@link LEADER_LOCK} from a tab whose hub does not answer, so that two tabs do not rob one after the other. */
export const ROB_LOCK = 'headwater:rob'
/** BroadcastChannel on which tabs of the leader tier find the hub. */
export const LOBBY_CHANNEL = 'headwater:lobby'
/** BroadcastChannel of one tab and one hub, on which the tab calls. Named after both, so that two hubs never answer on one. */
export const pairChannel = (clientId: string, bootId: string): string => `headwater:pair:${clientId}:${bootId}`
/** BroadcastChannel on which a hub calls the tab. */
export const backChannel = (clientId: string): string => `headwater:back:${clientId}`
/** Tag of the one-off Background Sync that empties the outbox. */
export const OUTBOX_SYNC = 'headwater-outbox'
