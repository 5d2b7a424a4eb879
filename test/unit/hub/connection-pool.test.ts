import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConnectionPool, type Slot } from '../../../src/hub/connection-pool.ts'
import { SteppedClock } from './world.ts'

const ORIGIN = 'https://a.test'
const TURN = 2_000
const never = new AbortController().signal

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

function setUp(): { pool: ConnectionPool; clock: SteppedClock } {
  const clock = new SteppedClock()
  const pool = new ConnectionPool({
    turnMs: TURN,
    now: () => clock.now(),
    schedule: (run, ms) => void clock.delay(ms, never).then(run),
  })
  return { pool, clock }
}

describe('ConnectionPool', () => {
  it('gives four per origin at once, and the fifth when one is released', async () => {
    const { pool } = setUp()
    const four = await Promise.all(Array.from({ length: 4 }, () => pool.acquire(ORIGIN, never)))
    expect(pool.isBusy(ORIGIN)).toBe(true)
    expect(pool.isBusy('https://b.test')).toBe(false)
    let fifth: Slot | null = null
    void pool.acquire(ORIGIN, never).then((slot) => (fifth = slot))
    await turns()
    expect(fifth).toBeNull()
    four[2]?.release()
    four[2]?.release()
    await turns()
    expect(fifth).not.toBeNull()
  })

  it('forgets who stops waiting, and refuses who comes aborted', async () => {
    const { pool } = setUp()
    const four = await Promise.all(Array.from({ length: 4 }, () => pool.acquire(ORIGIN, never)))
    const abort = new AbortController()
    const waiting = pool.acquire(ORIGIN, abort.signal)
    const next = pool.acquire(ORIGIN, never)
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    await expect(pool.acquire(ORIGIN, abort.signal)).rejects.toMatchObject({ code: 'aborted' })
    four[0]?.release()
    await expect(next).resolves.toBeDefined()
  })

  it('asks the longest holder to give way once its turn is over, and only while somebody waits', async () => {
    const { pool, clock } = setUp()
    const first = await pool.acquire(ORIGIN, never)
    clock.advance(10)
    const rest = await Promise.all(Array.from({ length: 3 }, () => pool.acquire(ORIGIN, never)))
    clock.advance(5 * TURN)
    await turns()
    expect(first.wanted.aborted).toBe(false)
    void pool.acquire(ORIGIN, never)
    await turns()
    expect(first.wanted.aborted).toBe(true)
    expect(rest.some(({ wanted }) => wanted.aborted)).toBe(false)
  })

  it('asks another one where the one that was asked cannot give way', async () => {
    const { pool, clock } = setUp()
    const four = await Promise.all(Array.from({ length: 4 }, () => pool.acquire(ORIGIN, never)))
    let fifth: Slot | null = null
    void pool.acquire(ORIGIN, never).then((slot) => (fifth = slot))
    // All but the first give way when asked.
    for (const slot of four.slice(1)) slot.wanted.addEventListener('abort', () => slot.release())
    for (let step = 0; step < 3; step++) {
      clock.advance(TURN)
      await turns()
    }
    expect(four[0]?.wanted.aborted).toBe(true)
    expect(fifth).not.toBeNull()
  })

  it('never gives more than four, and everybody a turn, whoever comes, goes and gives up', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ stubborn: fc.boolean(), givesUpAfter: fc.option(fc.nat(5)), comesAt: fc.nat(10) }), {
          maxLength: 20,
        }),
        async (streams) => {
          const { pool, clock } = setUp()
          let held = 0
          let most = 0
          const served = new Set<number>()
          const gaveUp = new Set<number>()
          const stubbornLeft = { count: 3 }
          const run = async (i: number, stubborn: boolean, signal: AbortSignal): Promise<void> => {
            for (;;) {
              let slot: Slot
              try {
                slot = await pool.acquire(ORIGIN, signal)
              } catch {
                gaveUp.add(i)
                return
              }
              held += 1
              most = Math.max(most, held)
              served.add(i)
              if (stubborn) return
              await new Promise<void>((resolve) => {
                if (slot.wanted.aborted) resolve()
                else slot.wanted.addEventListener('abort', () => resolve())
              })
              held -= 1
              slot.release()
              if (signal.aborted) return
            }
          }
          const aborts = streams.map(() => new AbortController())
          for (let step = 0; step < 60; step++) {
            for (const [i, { stubborn, givesUpAfter, comesAt }] of streams.entries()) {
              const abort = aborts[i] as AbortController
              // One slot at least must be able to move.
              if (comesAt === step) void run(i, stubborn && stubbornLeft.count-- > 0, abort.signal)
              if (givesUpAfter !== null && comesAt + givesUpAfter === step) abort.abort()
            }
            await turns()
            clock.advance(TURN)
            await turns()
          }
          expect(most).toBeLessThanOrEqual(4)
          for (const i of streams.keys()) expect(served.has(i) || gaveUp.has(i)).toBe(true)
        },
      ),
      { numRuns: 50 },
    )
  })
})
