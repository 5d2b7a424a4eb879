import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../../src/protocol/errors.ts'
import { askedDelay, backoffDelay, isRetryable } from '../../../src/upstream/backoff.ts'

describe('backoff', () => {
  it('waits 1, 2, 4 seconds and then no longer than 15, each a quarter around', () => {
    expect([1, 2, 3, 4, 5, 50].map((attempt) => backoffDelay(attempt, 0.5))).toEqual([
      1000, 2000, 4000, 8000, 15_000, 15_000,
    ])
    expect(backoffDelay(1, 0)).toBe(750)
    expect(backoffDelay(1, 1)).toBe(1250)
  })

  it('waits for as long as the server asked for, up to a minute, and never less', () => {
    const asked = (retryAfter?: unknown) => askedDelay(new HeadwaterError('http', 'x', { status: 503, retryAfter }))
    expect([20_000, 7_200_000, 0, -1, NaN, 'x', undefined].map(asked)).toEqual([20_000, 60_000, 0, 0, 0, 0, 0])
    expect(askedDelay(new TypeError('Load failed'))).toBe(0)
    expect(backoffDelay(1, 0, 20_000)).toBe(20_000)
    expect(backoffDelay(1, 1, 20_000)).toBe(25_000)
    expect(backoffDelay(5, 0.5, 500)).toBe(15_000)
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
