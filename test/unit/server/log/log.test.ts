import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../../src/server/config.ts'
import { createLog } from '../../../../src/server/log/create-log.ts'
import { secretsOf, shownTarget } from '../../../../src/server/log/redact.ts'
import { serve } from '../../../../src/server/node.ts'

function record(format: 'json' | 'pretty', secrets: readonly string[] = []) {
  const lines: string[] = []
  const write = (text: string): void => void lines.push(text)
  return { lines, log: createLog({ level: 'debug', format, colour: false, secrets, write }) }
}

describe('a log', () => {
  it('is a record per line for a program', () => {
    const { lines, log } = record('json')
    log.info({ url: 'http://x' }, 'listening')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'info', msg: 'listening', url: 'http://x', time: expect.any(String) }) // prettier-ignore
    expect(lines[0]?.endsWith('\n')).toBe(true)
  })

  it('is a short line for a person, with the trace of a failure', () => {
    const { lines, log } = record('pretty')
    log.error({ err: new Error('no disk'), run: 'a b' }, 'a request failed')
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d error: a request failed run="a b"\n {4}Error: no disk\n/)
  })

  it('holds no secret, whoever puts it there: in a field, a message, an error or an address', () => {
    const secrets = ['hush"hush', 'pass%20word', 'pass word']
    for (const format of ['json', 'pretty'] as const) {
      const { lines, log } = record(format, secrets)
      log.info({ a: 'x hush"hush y', deep: { b: 'hush"hush' } }, 'hush"hush')
      log.error({ err: new Error('redis://me:pass%20word@host refused pass word') }, 'no')
      log.info({ authorization: 'Bearer other', headers: { cookie: 'other', token: 'other' } }, 'by name')
      const text = lines.join('')
      for (const hidden of ['hush', 'pass', 'other']) expect(text).not.toContain(hidden)
    }
  })

  it('knows the secrets of a configuration', () => {
    const env = { HEADWATER_TOKEN: 't0', OPENAI_API_KEY: 'k1', ANTHROPIC_API_KEY: 'k2', HEADWATER_STORE: 'redis://u:p%40ss@h' } // prettier-ignore
    expect(secretsOf(readConfig(env)).sort()).toEqual(['k1', 'k2', 'p%40ss', 'p@ss', 't0'])
  })

  it('shows of a query only what says nothing about who asks', () => {
    expect(shownTarget(new URL('http://h/?token=hush&offset=-1&x=y'))).toBe('/?token=…&offset=-1&x=…')
  })
})

it('a server that is asked in every way logs no token, cookie or query', async () => {
  const { lines, log } = record('json')
  const config = readConfig({}, { port: 0, store: 'memory', host: '0.0.0.0' })
  const server = await serve({ config, models: [], log })
  const secret = new URL(server.loginUrl ?? '').searchParams.get('token') ?? ''
  const login = await fetch(`${server.url}/?token=${secret}`, { redirect: 'manual' })
  const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? ''
  await fetch(`${server.url}/v1/channels`, { headers: { cookie } })
  await fetch(`${server.url}/v1/channels?token=${secret}`, { headers: { authorization: `Bearer ${secret}` } })
  await fetch(`${server.url}/v1/channels`, { headers: { authorization: 'Bearer a-wrong-guess' } })
  await server.close()
  const text = lines.join('')
  expect(lines.filter((line) => line.includes('"msg":"request"'))).toHaveLength(4)
  for (const hidden of [secret, cookie.split('=')[1] ?? '-', 'a-wrong-guess', 'Bearer'])
    expect(text).not.toContain(hidden)
  expect(text).toContain('"target":"/?token=…"')
})
