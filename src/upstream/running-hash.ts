/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/): not against forgery, only to notice an upstream that changed its mind. */
export const HASH_START = 0x811c9dc5

const mix = (hash: number, value: number): number => Math.imul(hash ^ value, 0x01000193) >>> 0

/** Goes on hashing with some bytes. How they were cut into pieces makes no difference. */
export function hashBytes(hash: number, bytes: Uint8Array): number {
  for (const byte of bytes) hash = mix(hash, byte)
  return hash
}

/** Goes on hashing with one unit (an event, a line, a message). Where a unit ends makes a difference. */
export function hashUnit(hash: number, data: string, event = ''): number {
  for (const text of [event, data]) {
    hash = mix(hash, text.length)
    for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i))
  }
  return hash
}
