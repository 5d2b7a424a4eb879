/** The largest chunk of a stream that is uploaded, in UTF-16 units or bytes: as UTF-8 it fits one append of a server. */
export const MAX_UPLOADED_CHUNK = 4 * 1024 * 1024

/** Where a stream that a page writes goes as well, as it crosses threads: no secrets. */
export interface UploadTarget {
  /** Absolute address of a stream of the Durable Streams protocol. Created where it is not there. */
  url: string
  /** Media type of the server's stream; `null`: told by the first chunk. */
  contentType: string | null
  /** Whether requests need headers that are not stored: the hub asks a live tab for them. */
  credentials: boolean
  /** For how many seconds the server waits for a sign of life before it ends the stream as `producer-lost`. */
  lease: number
}

/** Whether streams of this media type keep the boundaries of chunks: each is one JSON text. */
export function keepsChunks(contentType: string): boolean {
  return /^\s*application\/json\s*(;|$)/i.test(contentType)
}
