/**
 * Where a test can hold a hub. The hub has no hooks for it: in the page that the tests build (`doors.ts`), the modules through which a hub
 * reaches its network, store, locks and tabs are replaced by ones that ask the test's server first. What is published is built from the
 * modules themselves, so that nothing has to be compiled out of it.
 *
 * - `before-fetch`: what must be committed before is; upstream has not been asked yet, for the first time.
 * - `read`: a frame of chunks was read from the connection; the hub has not seen it.
 * - `appended`: the requests that write chunks are issued; their transaction is open.
 * - `committed`: the transaction is complete; the hub does not know it yet, so no tab does.
 * - `delivering`: a batch has been posted to one tab; its answer has not arrived, and no other tab has been sent to.
 * - `ending-seen`: all chunks are committed, the evidence of the end was read; the ending is not stored.
 * - `lock-granted`: hand-over: the next hub was granted the stream's lock; the epoch is the old one.
 * - `epoch-raised`: hand-over: the epoch is raised; upstream has not been asked to continue.
 */
export const FAULT_POINTS = [
  'before-fetch',
  'read',
  'appended',
  'committed',
  'delivering',
  'ending-seen',
  'lock-granted',
  'epoch-raised',
] as const

export type FaultPoint = (typeof FAULT_POINTS)[number]

/** Path on the test's server, followed by a point: who asks there goes on with the answer. */
export const FAULT_PATH = '/__fault/'

/** What the answer says: go on, or die here and now (for browsers in which a test cannot kill a worker). */
export type FaultAnswer = 'go' | 'die'
