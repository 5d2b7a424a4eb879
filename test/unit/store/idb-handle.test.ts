import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { IdbHandle } from '../../../src/store/idb-handle.ts'
import { openIdbLogStore } from '../../../src/store/idb-store.ts'

test('work that meets a closed connection is done once more on a new one', async () => {
  const handle = new IdbHandle('closed-under-us')
  let attempts = 0
  const count = handle.run('count', (db) => {
    if (++attempts === 1) db.close()
    return db.count('streams')
  })
  expect(await count).toBe(0)
  expect(attempts).toBe(2)
  handle.close()
})

test('work that keeps failing is a typed error after the second attempt', async () => {
  const handle = new IdbHandle('failing')
  let attempts = 0
  const failing = handle.run('count the streams', async () => {
    attempts++
    throw new DOMException('Connection to Indexed Database server lost', 'UnknownError')
  })
  await expect(failing).rejects.toMatchObject({ code: 'store', data: { name: 'UnknownError' } })
  expect(attempts).toBe(2)
  handle.close()
})

test('a full disk is no reason to try again, and is told as what it is', async () => {
  const handle = new IdbHandle('full')
  let attempts = 0
  const full = handle.run('store what arrived', async () => {
    attempts++
    throw new DOMException('quota', 'QuotaExceededError')
  })
  await expect(full).rejects.toThrow(/used up/)
  expect(attempts).toBe(1)
  handle.close()
})

test('a browser without IndexedDB is a typed error at once', async () => {
  const { indexedDB } = globalThis
  Object.assign(globalThis, { indexedDB: undefined })
  try {
    await expect(openIdbLogStore('none')).rejects.toMatchObject({ code: 'store' })
  } finally {
    Object.assign(globalThis, { indexedDB })
  }
})

test('a browser that refuses to open a database is a typed error, and is asked again the next time', async () => {
  const { indexedDB } = globalThis
  const handle = new IdbHandle('refused')
  const refusing = {
    open: () => {
      throw new DOMException('private window', 'SecurityError')
    },
  }
  Object.assign(globalThis, { indexedDB: refusing })
  try {
    await expect(handle.open()).rejects.toMatchObject({ code: 'store', data: { name: 'SecurityError' } })
  } finally {
    Object.assign(globalThis, { indexedDB })
  }
  expect((await handle.open()).db.name).toBe('refused')
  handle.close()
})
