import { describe, expect, test } from 'vitest'
import type { Locks } from '../../../src/liveness/locks.ts'
import { acquireLock, tryAcquireLock, whenFree } from '../../../src/liveness/locks.ts'

let made = 0
const freshName = (): string => `test:${++made}:${Math.random()}`

/** Whether a promise has settled once everything that was due has run. */
async function isPending(promise: Promise<unknown>, locks: Locks): Promise<boolean> {
  let pending = true
  void promise.then(
    () => (pending = false),
    () => (pending = false),
  )
  // Requests of one agent are handled in order: once this one was granted, so was what came before it.
  await locks.request(freshName(), () => undefined)
  await locks.request(freshName(), () => undefined)
  return pending
}

/** The same for the browser's LockManager and for the fake one, so that the fake is worth its tests. */
export function runLocksContract(name: string, locks: Locks): void {
  describe(`locks of ${name}`, () => {
    test('go to one holder at a time, in order', async () => {
      const lock = freshName()
      const first = await acquireLock(locks, lock)
      const second = acquireLock(locks, lock)
      const third = acquireLock(locks, lock)
      expect(await isPending(second, locks)).toBe(true)
      first.release()
      const held = await second
      expect(await isPending(third, locks)).toBe(true)
      held.release()
      ;(await third).release()
      expect(first.lost.aborted).toBe(false)
    })

    test('are not waited for with tryAcquireLock', async () => {
      const lock = freshName()
      const held = await tryAcquireLock(locks, lock)
      expect(held?.name).toBe(lock)
      expect(await tryAcquireLock(locks, lock)).toBeNull()
      held?.release()
      await whenFree(locks, lock, new AbortController().signal)
      const again = await tryAcquireLock(locks, lock)
      expect(again).not.toBeNull()
      again?.release()
    })

    test('tell all who wait for their holder to go, and stay free', async () => {
      const lock = freshName()
      const { signal } = new AbortController()
      const held = await acquireLock(locks, lock)
      const both = Promise.all([whenFree(locks, lock, signal), whenFree(locks, lock, signal)])
      expect(await isPending(both, locks)).toBe(true)
      held.release()
      await both
      ;(await acquireLock(locks, lock)).release()
    })

    test('are waited for by any number at once', async () => {
      const lock = freshName()
      let letGo: (() => void) | undefined
      const held = new Promise<void>((granted) => {
        void locks.request(lock, { mode: 'shared' }, () => {
          granted()
          return new Promise<void>((resolve) => {
            letGo = resolve
          })
        })
      })
      await held
      await whenFree(locks, lock, new AbortController().signal)
      letGo?.()
    })

    test('are no longer waited for after the signal, with a typed error', async () => {
      const lock = freshName()
      const held = await acquireLock(locks, lock)
      const giveUp = new AbortController()
      const waiting = [acquireLock(locks, lock, { signal: giveUp.signal }), whenFree(locks, lock, giveUp.signal)]
      const settled = Promise.allSettled(waiting)
      giveUp.abort()
      for (const result of await settled) expect(result).toMatchObject({ reason: { code: 'aborted' } })
      await expect(acquireLock(locks, lock, { signal: giveUp.signal })).rejects.toMatchObject({ code: 'aborted' })
      await expect(whenFree(locks, lock, giveUp.signal)).rejects.toMatchObject({ code: 'aborted' })
      held.release()
      ;(await acquireLock(locks, lock)).release()
    })

    test('once granted, are not given back by the signal', async () => {
      const giveUp = new AbortController()
      const held = await acquireLock(locks, freshName(), { signal: giveUp.signal })
      giveUp.abort()
      expect(held.lost.aborted).toBe(false)
      expect(await tryAcquireLock(locks, held.name)).toBeNull()
      held.release()
    })

    test('tell their holder when they are stolen, and go to the thief before those in line', async () => {
      const lock = freshName()
      const victim = await acquireLock(locks, lock)
      const inLine = acquireLock(locks, lock)
      const lost = new Promise<void>((resolve) => {
        victim.lost.addEventListener('abort', () => resolve())
      })
      const thief = await acquireLock(locks, lock, { steal: true })
      await lost
      victim.release()
      expect(await isPending(inLine, locks)).toBe(true)
      thief.release()
      ;(await inLine).release()
      expect(thief.lost.aborted).toBe(false)
    })
  })
}
