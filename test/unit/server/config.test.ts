import { expect, it } from 'vitest'
import { defaultDataFolder, readConfig } from '../../../src/server/config.ts'
import { StartError } from '../../../src/server/server-error.ts'

it('has defaults for everything', () => {
  expect(readConfig({ HOME: '/home/me' })).toMatchObject({
    port: 4437,
    host: '127.0.0.1',
    store: 'embedded',
    token: null,
    longPollMs: 30_000,
    models: { openaiBaseUrl: null, openaiApiKey: null, anthropicApiKey: null, ollamaHost: 'http://127.0.0.1:11434' },
  })
})

it('lets a flag win over its variable, and an empty variable count as none', () => {
  const env = { PORT: '1', HOST: '', HEADWATER_STORE: 'memory', HEADWATER_DATA: '/a', HEADWATER_TOKEN: 't' }
  expect(readConfig(env, { port: '2', data: '/b' })).toMatchObject({
    port: 2,
    host: '127.0.0.1',
    store: 'memory',
    dataFolder: '/b',
    token: 't',
  })
})

it.each([
  ['linux', { HOME: '/h' }, '/h/.local/share/headwater'],
  ['linux', { HOME: '/h', XDG_DATA_HOME: '/x' }, '/x/headwater'],
  ['linux', { HOME: '/h', XDG_DATA_HOME: 'relative' }, '/h/.local/share/headwater'],
  ['darwin', { HOME: '/h' }, '/h/Library/Application Support/headwater'],
] as const)('keeps data where %s keeps it: %o', (platform, env, folder) => {
  expect(defaultDataFolder(env, platform)).toBe(folder)
})

it.each([
  [undefined, 'http://127.0.0.1:11434'],
  ['box', 'http://box:11434'],
  ['box:80', 'http://box'],
  ['0.0.0.0:11500', 'http://127.0.0.1:11500'],
  ['https://box', 'https://box'],
  ['http://box:11434/', 'http://box:11434'],
])('reads OLLAMA_HOST %s as Ollama does', (value, address) => {
  expect(readConfig({ OLLAMA_HOST: value }).models.ollamaHost).toBe(address)
})

it.each([
  ['PORT', '65536'],
  ['PORT', '4437x'],
  ['HEADWATER_LONG_POLL_MS', '-1'],
  ['HEADWATER_STORE', 'postgres'],
  ['OPENAI_BASE_URL', 'file:///etc'],
  ['OLLAMA_HOST', 'http://'],
])('refuses %s=%s, and names it', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(StartError)
  expect(() => readConfig({ [name]: value })).toThrow(name)
})

it('does not repeat a password in a message', () => {
  expect(() => readConfig({ OPENAI_BASE_URL: 'ftp://me:hush@host' })).toThrow(/^(?!.*hush)/)
})
