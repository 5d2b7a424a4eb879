// A type, a subtype, and parameters without line ends: it comes back as a header.
const CONTENT_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(;[\x20-\x7e]*)?$/

/** Whether this can be the content type of a stream: a media type, with parameters or without, at most 256 characters. */
export function isContentType(given: string): boolean {
  return given.length <= 256 && CONTENT_TYPE.test(given)
}
