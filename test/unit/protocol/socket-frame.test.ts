import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeDataFrame, encodeDataFrame } from '../../../src/protocol/socket-frame.ts'
import { SOCKET_CLOSE, SOCKET_PATH, SOCKET_PROTOCOL } from '../../../src/protocol/socket.ts'

const header = fc.record(
  {
    sub: fc.nat(),
    next: fc.string(),
    upToDate: fc.constant(true),
    ending: fc.constantFrom({ kind: 'done' as const }, { kind: 'error' as const, code: 'producer-lost', exitCode: 3 }),
  },
  { requiredKeys: ['sub', 'next'] },
)

describe('a binary frame', () => {
  it('gives back header and payload, also from the middle of a buffer', () => {
    fc.assert(
      fc.property(header, fc.uint8Array(), fc.uint8Array(), (head, payload, before) => {
        const frame = encodeDataFrame(head, payload)
        const around = new Uint8Array([...before, ...frame])
        expect(decodeDataFrame(around.subarray(before.length))).toEqual({ header: head, payload })
      }),
    )
  })

  it('is null where it is no frame, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodeDataFrame(bytes)
        if (decoded !== null) expect(typeof decoded.header.next).toBe('string')
      }),
    )
    expect(decodeDataFrame(new Uint8Array([255, 255, 255, 255, 123, 125]))).toBeNull()
    expect(decodeDataFrame(new Uint8Array([0, 0, 0, 2, 123, 125]))).toBeNull()
  })

  it('belongs to a protocol whose names are what PROTOCOL.md 4.5 says', () => {
    expect({ SOCKET_PROTOCOL, SOCKET_PATH, SOCKET_CLOSE }).toEqual({
      SOCKET_PROTOCOL: 'headwater.1',
      SOCKET_PATH: '/v1/ws',
      SOCKET_CLOSE: { closing: 1012, tooSlow: 1013, refused: 1008 },
    })
  })
})
