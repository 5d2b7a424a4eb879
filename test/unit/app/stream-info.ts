import type { StreamInfo } from '../../../src/protocol/snapshot.ts'

/** A stream as the hub lists it, with only what a test cares about spelt out. */
export function streamInfo(info: Partial<StreamInfo> & Pick<StreamInfo, 'streamId' | 'channel'>): StreamInfo {
  return {
    version: 1,
    epoch: 1,
    seq: 0,
    firstSeq: 1,
    status: 'streaming',
    ending: null,
    failure: null,
    canResume: false,
    canRetry: false,
    gaps: [],
    dialect: null,
    contentType: null,
    url: null,
    size: 0,
    createdAt: 0,
    updatedAt: 0,
    readers: 0,
    owner: 'none',
    ...info,
  }
}
