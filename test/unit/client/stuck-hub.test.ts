import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { whenStuck } from '../../../src/client/stuck-hub.ts'

beforeEach(() => void vi.useFakeTimers())

afterEach(() => void vi.useRealTimers())

it('asks nothing of a hub that went before this was loaded', () => {
  const ping = vi.fn(() => Promise.resolve())
  void whenStuck(ping, () => true, AbortSignal.abort())
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(10_000)
  expect(ping).not.toHaveBeenCalled()
})
