import { afterEach, expect, it } from 'vitest'
import { createCancelUpstream } from '../../../src/upstream/cancel-upstream.ts'
import { startScriptedServer, type Script, type ScriptedServer } from '../../support/scripted-server.ts'

let server: ScriptedServer | undefined
const start = async (script: Script): Promise<ScriptedServer> => (server = await startScriptedServer(script))
afterEach(() => server?.close())

it('posts to the cancel address with the credentials given', async () => {
  const { url, requests } = await start((response) => void response.writeHead(204).end())
  await createCancelUpstream()({ url: `${url}/cancel?run=1`, headers: [['authorization', 'Bearer t']] })
  expect(requests).toMatchObject([{ method: 'POST', url: '/cancel?run=1', headers: { authorization: 'Bearer t' } }])
})

it.each([404, 409, 410])('takes %i for cancelled already', async (status) => {
  const { url } = await start((response) => void response.writeHead(status).end())
  await expect(createCancelUpstream()({ url })).resolves.toBeUndefined()
})

it('says what the server refused', async () => {
  const { url } = await start((response) => void response.writeHead(403).end())
  await expect(createCancelUpstream()({ url })).rejects.toMatchObject({ code: 'http', data: { status: 403 } })
})

it('does not wait for ever', async () => {
  const { url } = await start(() => undefined)
  await expect(createCancelUpstream({ timeoutMs: 20 })({ url })).rejects.toMatchObject({ code: 'network' })
})

it('ends with its signal', async () => {
  const { url } = await start(() => undefined)
  const cancelling = createCancelUpstream()({ url }, AbortSignal.abort())
  await expect(cancelling).rejects.toMatchObject({ code: 'aborted' })
})
