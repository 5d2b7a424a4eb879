import { expect, test } from 'vitest'
import { readBody } from '../../../src/upstream/read-body.ts'

/** A response whose body gives these bytes and then hangs; of an abort it hears nothing, as a browser's may not for a while. */
function deafResponse(...bytes: number[]): { response: Response; cancelled: () => boolean } {
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Uint8Array.from(bytes)),
    pull: () => new Promise(() => undefined),
    cancel: () => {
      cancelled = true
    },
  })
  return { response: new Response(body), cancelled: () => cancelled }
}

const PATIENCE = { limit: null, delay: () => new Promise<void>(() => undefined) }

test('an abort ends the read that waits, also where the body does not hear of it, and is no end of the body', async () => {
  const abort = new AbortController()
  const { response, cancelled } = deafResponse(1, 2)
  const body = readBody(response, 'http://u.test/s', abort.signal, PATIENCE)
  expect(await body.next()).toEqual({ done: false, value: Uint8Array.of(1, 2) })
  const next = body.next()
  abort.abort()
  await expect(next).rejects.toMatchObject({ code: 'aborted' })
  expect(cancelled()).toBe(true)
})

test('a body whose signal aborted before it was read gives nothing, and is closed', async () => {
  const abort = new AbortController()
  abort.abort()
  const { response, cancelled } = deafResponse(1)
  const body = readBody(response, 'http://u.test/s', abort.signal, PATIENCE)
  await expect(body.next()).rejects.toMatchObject({ code: 'aborted' })
  expect(cancelled()).toBe(true)
})
