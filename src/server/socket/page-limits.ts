/** Bytes of records in one frame: small enough for fifty streams to take turns on one socket, and for a client to apply at once. */
export const SOCKET_PAGE_BYTES = 64 * 1024

/** Bytes of payload that are kept of one stream for watchers that come by the same place a little later. Of all together: `pageCacheBytes`. */
export const MAX_CACHED_BYTES = 1024 * 1024
