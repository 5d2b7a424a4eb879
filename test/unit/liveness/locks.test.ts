import { describe, expect, test } from 'vitest'
import { acquireLock, tryAcquireLock, whenFree } from '../../../src/liveness/locks.ts'
import { runLocksContract } from '../../browser/liveness/locks.contract.ts'
import { FakeLocks } from '../../support/fake-locks.ts'

runLocksContract('the fake', new FakeLocks().agent('tab'))

describe('the fake locks', () => {
  test('free all locks of an agent that was killed, and drop its place in line', async () => {
    const fake = new FakeLocks()
    const [one, two, three] = [fake.agent('one'), fake.agent('two'), fake.agent('three')]
    await acquireLock(one, 'own')
    const held = await acquireLock(two, 'other')
    void acquireLock(one, 'other')
    const next = acquireLock(three, 'other')
    expect(fake.waiters('other')).toEqual(['one', 'three'])

    const gone = whenFree(two, 'own', new AbortController().signal)
    fake.kill('one')
    await gone
    expect(fake.holders('own')).toEqual([])
    expect(fake.waiters('other')).toEqual(['three'])
    held.release()
    await next
    expect(fake.holders('other')).toEqual(['three'])
  })

  test('do not hear a dead agent', async () => {
    const fake = new FakeLocks()
    const zombie = fake.agent('zombie')
    const held = await acquireLock(zombie, 'own')
    fake.kill('zombie')
    held.release()
    void acquireLock(zombie, 'own')
    expect(await tryAcquireLock(fake.agent('next'), 'own')).not.toBeNull()
    expect(fake.holders('own')).toEqual(['next'])
  })
})

test('a browser that gives no locks is a typed error', async () => {
  const refusing = { request: () => Promise.reject(new DOMException('opaque origin', 'SecurityError')) }
  await expect(acquireLock(refusing, 'own')).rejects.toMatchObject({ code: 'closed' })
  await expect(tryAcquireLock(refusing, 'own')).rejects.toMatchObject({ code: 'closed' })
  await expect(whenFree(refusing, 'own', new AbortController().signal)).rejects.toMatchObject({ code: 'closed' })
})
