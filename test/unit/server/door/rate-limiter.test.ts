import { expect, it } from 'vitest'
import { RateLimiter } from '../../../../src/server/door/rate-limiter.ts'

it('lets a client save up ten seconds, then as many a second as it may', () => {
  let now = 0
  const limiter = new RateLimiter(2, () => now)
  const burst = Array.from({ length: 25 }, () => limiter.take('a'))
  expect(burst.filter((wait) => wait === 0)).toHaveLength(20)
  expect(burst.at(-1)).toBe(1)
  now += 1000
  expect([limiter.take('a'), limiter.take('a'), limiter.take('a')]).toEqual([0, 0, 1])
})

it('holds one client’s haste against nobody else', () => {
  const limiter = new RateLimiter(1, () => 0)
  for (let n = 0; n < 20; n++) limiter.take('a')
  expect([limiter.take('a') > 0, limiter.take('b')]).toEqual([true, 0])
})

it('says how long a slow rate makes one wait, and gives nothing for a clock that goes back', () => {
  let now = 1000
  const limiter = new RateLimiter(0.1, () => now)
  expect([limiter.take('a'), limiter.take('a')]).toEqual([0, 10])
  now = 0
  expect(limiter.take('a')).toBe(10)
})

it('remembers no more than ten thousand clients, whoever asks', () => {
  const limiter = new RateLimiter(1, () => 0)
  for (let n = 0; n < 30_000; n++) limiter.take(`client ${n}`)
  expect(limiter.size).toBe(10_000)
})

it('0 is no limit, and remembers nobody', () => {
  const limiter = new RateLimiter(0, () => 0)
  expect(Array.from({ length: 100 }, () => limiter.take('a')).every((wait) => wait === 0)).toBe(true)
  expect(limiter.size).toBe(0)
})
