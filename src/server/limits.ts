/** Bytes of one append: what fits a request comfortably, and one transaction of the store. */
export const MAX_APPEND_BYTES = 16 * 1024 * 1024

/** Bytes of one message in JSON mode: a reader holds it whole, and so does every browser that shows it. */
export const MAX_EVENT_BYTES = 4 * 1024 * 1024

/** Bytes of one stream: far beyond any log that a person reads, and below what fills a disk by one mistake. */
export const MAX_STREAM_BYTES = 4 * 1024 * 1024 * 1024

/** Streams of one server: the list of channels is read whole. */
export const MAX_STREAMS = 100_000

/** JSON messages of one append: each is a record, and all of them one transaction. */
export const MAX_APPEND_MESSAGES = 50_000

/** Bytes of one page of a read: large enough for a fast catch-up, small enough that a reader's memory is bounded. One larger record goes alone. */
export const PAGE_BYTES = 1024 * 1024

/** Streams that one process writes at once, as models and producers: each holds a promise, a listener and a place in the lease's renewal. */
export const MAX_WRITERS = 10_000

/** Bytes of one page of an SSE read: what one full socket may hold back. One larger record goes alone. */
export const SSE_PAGE_BYTES = 64 * 1024

/** A reader by SSE that takes nothing for so long, in milliseconds, is cut; it goes on from its offset. Longer than a heartbeat twice missed. */
export const STALL_MS = 45_000

/** Bytes of pages that are kept for the next reader who asks for the same, of all streams together. */
export const PAGE_CACHE_BYTES = 64 * 1024 * 1024

/** Bytes of the body of a chat request: a long conversation with a few pictures. */
export const MAX_CHAT_BYTES = 16 * 1024 * 1024
export const MAX_CHAT_MESSAGES = 2000
export const MAX_CHAT_PARTS = 2000

/** A comment as often as this keeps an idle SSE connection through proxies (most give up after 30 or 60 s). */
export const HEARTBEAT_MS = 15_000

/** Durable Streams asks servers to close SSE connections about every minute, so that caches in between can collapse readers. */
export const SSE_LIFE_MS = 60_000

/** Events of a channel feed before it is ended (PROTOCOL.md 4.2). */
export const MAX_FEED_EVENTS = 1000

/** Longest `Producer-Id` and `Stream-Seq`, in bytes: they are stored with every stream. */
export const MAX_TOKEN_LENGTH = 512

/** Longest `Idempotency-Key`, in bytes: a stream's id of 256 units in UTF-8, and some. */
export const MAX_KEY_LENGTH = 1024

/**
 * For how long a deleted run is remembered, in milliseconds: a week. Who asks for it meanwhile hears that it is gone (410), later that there is none (404). Long
 * enough for every client that still held its address when it went.
 */
export const TOMBSTONE_MS = 7 * 24 * 3600 * 1000

/** How long a long-poll waits: below what proxies usually bear. */
export const LONG_POLL_MS = 30_000

/** How many channels, or runs of a channel, one answer lists: about 250 KiB. */
export const MAX_LISTED = 1_000

/** How long a server that closes waits for its store to take the endings of what it writes: any that answers at all has done so by then. */
export const CLOSE_MS = 5_000
