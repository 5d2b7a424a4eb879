import { expect, test } from 'vitest'
import { acquireLock, whenFree } from '../../../src/liveness/locks.ts'
import { createSoloLocks } from '../../../src/liveness/solo-locks.ts'

test('locks of a page on its own go to one holder at a time, in order', async () => {
  const locks = createSoloLocks()
  const order: string[] = []
  const first = await acquireLock(locks, 'own')
  const second = acquireLock(locks, 'own').then((held) => {
    order.push('second')
    held.release()
  })
  const third = acquireLock(locks, 'own').then((held) => {
    order.push('third')
    held.release()
  })
  const other = await acquireLock(locks, 'other')
  expect(order).toEqual([])
  other.release()
  first.release()
  await Promise.all([second, third])
  expect(order).toEqual(['second', 'third'])
})

test('whoever gave up waiting does not hold up those behind', async () => {
  const locks = createSoloLocks()
  const first = await acquireLock(locks, 'own')
  const giveUp = new AbortController()
  const second = acquireLock(locks, 'own', { signal: giveUp.signal })
  const third = acquireLock(locks, 'own')
  giveUp.abort()
  await expect(second).rejects.toMatchObject({ code: 'aborted' })
  first.release()
  ;(await third).release()
})

test('nobody else is there whose death could be noticed', async () => {
  const locks = createSoloLocks()
  const giveUp = new AbortController()
  const waiting = whenFree(locks, 'hub', giveUp.signal)
  ;(await acquireLock(locks, 'hub')).release()
  giveUp.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
})
