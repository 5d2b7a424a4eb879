import { expect, it } from 'vitest'
import { GroupCommit } from '../../../src/server/stores/group-commit.ts'

it('commits what arrives together in one transaction, and answers in order after it', async () => {
  const log: string[] = []
  const commits = new GroupCommit((work) => {
    log.push('begin')
    work()
    log.push('commit')
  })
  const writes = ['a', 'b'].map((each) =>
    commits.write(() => void log.push(`write ${each}`)).then(() => void log.push(`answer ${each}`)),
  )
  await Promise.all(writes)
  await commits.write(() => void log.push('write c'))
  expect(log).toEqual([
    ...['begin', 'write a', 'write b', 'commit', 'answer a', 'answer b'],
    ...['begin', 'write c', 'commit'],
  ])
})

it('tells every caller of a transaction that failed, and goes on with the next', async () => {
  let isFull = true
  const commits = new GroupCommit((work) => {
    work()
    if (isFull) throw new Error('disk full')
  })
  const results = await Promise.allSettled([commits.write(() => 1), commits.write(() => 2)])
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected'])
  isFull = false
  expect(await commits.write(() => 3)).toBe(3)
})

it('lets a call that fails take no other with it, and none of its writes stay', async () => {
  const committed: string[][] = []
  let written: string[] = []
  const commits = new GroupCommit((work) => {
    written = []
    work()
    committed.push(written)
  })
  const results = await Promise.allSettled([
    commits.write(() => written.push('a')),
    commits.write(() => {
      written.push('half of b')
      throw new Error('damaged')
    }),
    commits.write(() => written.push('c')),
  ])
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(committed).toEqual([['a'], ['c']])
})

it('commits what waits when it is told to, and not again', async () => {
  let transactions = 0
  const commits = new GroupCommit((work) => {
    transactions += 1
    work()
  })
  const write = commits.write(() => 'done')
  commits.flush()
  expect(await write).toBe('done')
  commits.flush()
  expect(transactions).toBe(1)
})
