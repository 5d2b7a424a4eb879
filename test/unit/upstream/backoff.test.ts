import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { backoffDelay, isRetryable } from '../../../src/upstream/backoff.ts'

describe('backoff', () => {
  it('waits 1, 2, 4 seconds and then no longer than 15, each a quarter around', () => {
    expect([1, 2, 3, 4, 5, 50].map((attempt) => backoffDelay(attempt, 0.5))).toEqual([
      1000, 2000, 4000, 8000, 15_000, 15_000,
    ])
    expect(backoffDelay(1, 0)).toBe(750)
    expect(backoffDelay(1, 1)).toBe(1250)
  })

  it('tries again what may pass, and nothing else', () => {
    const http = (status: number) => new HeadwaterError('http', 'x', { status })
    expect([408, 425, 429, 500, 503].every((status) => isRetryable(http(status)))).toBe(true)
    expect([400, 401, 404, 410].some((status) => isRetryable(http(status)))).toBe(false)
    expect(isRetryable(new HeadwaterError('network', 'x'))).toBe(true)
    expect(isRetryable(new HeadwaterError('bad-response', 'x'))).toBe(false)
    expect(isRetryable(new TypeError('Load failed'))).toBe(false)
  })
})
