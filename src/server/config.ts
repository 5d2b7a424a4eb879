import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { isLoopbackName } from './guard.ts'
import type { LogLevel } from './log/server-log.ts'
import { StartError } from './server-error.ts'
import { NUMBERS, TEXTS } from './settings.ts'
import type { NumberKey, NumberSetting, TextKey } from './settings.ts'

/** Sizes, rates and times by their names in docs/configuration.md. */
export type Numbers = Readonly<Record<NumberKey, number>>

/** Where the server listens, who may use it, what it keeps streams in, and which models it may offer. */
export interface ServerConfig extends Numbers {
  host: string
  /** An address is one of Redis: `redis://` or `rediss://`. */
  store: 'memory' | 'embedded' | { redis: string }
  /** Absolute path of the embedded store's folder. */
  dataFolder: string
  /** Token that clients must present; `null` where none was set (then one is made where one is needed). */
  token: string | null
  /** Names, with a port where it is not the scheme's own, under which a proxy offers this server; lower case. */
  hosts: readonly string[]
  /** Origins whose pages may use this server, as browsers write them. */
  cors: readonly string[]
  log: LogLevel | 'auto'
  logFormat: (typeof LOG_FORMATS)[number]
  models: ModelConfig
}

/** Addresses and keys of the models. Keys stay in memory: they are never stored, logged or put in a URL. */
export interface ModelConfig {
  openaiBaseUrl: string | null
  openaiApiKey: string | null
  anthropicApiKey: string | null
  /** Address of Ollama, probed at start. */
  ollamaHost: string
  /** Milliseconds between two tokens of the demo model. */
  demoDelayMs: number
}

/** Flags of `headwater serve`; each wins over the variable of the same meaning. */
export type ServerFlags = { readonly [Key in NumberKey | TextKey]?: string | number | undefined }

/** A few characters every 25 ms: about as fast as a hosted model writes. */
export const DEFAULT_DEMO_DELAY_MS = 25
const OLLAMA_PORT = '11434'
const DEFAULT_OLLAMA_HOST = `http://127.0.0.1:${OLLAMA_PORT}`

const LOG_LEVELS: readonly (LogLevel | 'auto')[] = ['auto', 'silent', 'error', 'info', 'debug']
const LOG_FORMATS = ['auto', 'json', 'pretty'] as const

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The server's configuration out of environment variables and flags.
 * @throws {StartError} `bad-config`, naming the flag or variable
 */
export function readConfig(env: Environment, flags: ServerFlags = {}): ServerConfig {
  const given = (key: TextKey): string | null => text(flags[key]?.toString()) ?? text(env[TEXTS[key].variable])
  const host = given('host') ?? TEXTS.host.shown
  const hosts = list(given('hosts')).map(hostName)
  const data = given('data')
  return {
    ...numbers(env, flags, isLoopbackName(host) && hosts.length === 0),
    host,
    store: storeKind(given('store') ?? TEXTS.store.shown),
    dataFolder: data === null ? defaultDataFolder(env, process.platform) : resolve(data),
    token: given('token'),
    hosts,
    cors: list(given('cors')).map(origin),
    log: oneOf(TEXTS.log.variable, given('log') ?? TEXTS.log.shown, LOG_LEVELS),
    logFormat: oneOf(TEXTS.logFormat.variable, given('logFormat') ?? TEXTS.logFormat.shown, LOG_FORMATS),
    models: {
      openaiBaseUrl: address('OPENAI_BASE_URL', env['OPENAI_BASE_URL']),
      openaiApiKey: text(env['OPENAI_API_KEY']),
      anthropicApiKey: text(env['ANTHROPIC_API_KEY']),
      ollamaHost: ollamaAddress(text(env['OLLAMA_HOST'])),
      demoDelayMs: integer('HEADWATER_DEMO_DELAY_MS', env['HEADWATER_DEMO_DELAY_MS'], DEFAULT_DEMO_DELAY_MS, 0, 10_000),
    },
  }
}

function numbers(env: Environment, flags: ServerFlags, isPrivate: boolean): Numbers {
  const read = (key: NumberKey): number => {
    const { variable, fallback, min, max }: NumberSetting = NUMBERS[key]
    const byDefault = typeof fallback === 'number' ? fallback : isPrivate ? fallback.loopback : fallback.network
    return integer(variable, flags[key] ?? env[variable], byDefault, min, max)
  }
  const keys = Object.keys(NUMBERS) as NumberKey[]
  return Object.fromEntries(keys.map((key) => [key, read(key)])) as Record<NumberKey, number>
}

/** The folder for application data by the platform's convention, with `headwater` in it. */
export function defaultDataFolder(env: Environment, platform: NodeJS.Platform): string {
  const home = text(env['HOME']) ?? homedir()
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'headwater')
  if (platform === 'win32') return join(text(env['LOCALAPPDATA']) ?? join(home, 'AppData', 'Local'), 'headwater')
  // The XDG base directory specification says that a relative path is invalid and must be ignored.
  const xdg = text(env['XDG_DATA_HOME'])
  return join(xdg !== null && isAbsolute(xdg) ? xdg : join(home, '.local', 'share'), 'headwater')
}

// An empty variable is how a shell unsets one.
function text(value: string | undefined): string | null {
  return value === undefined || value.trim() === '' ? null : value.trim()
}

function integer(name: string, value: string | number | undefined, fallback: number, min: number, max: number): number {
  if (value === undefined || value === '') return fallback
  const number = typeof value === 'number' ? value : /^\d{1,16}$/.test(value.trim()) ? Number(value) : Number.NaN
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw new StartError('bad-config', `${name} must be a whole number from ${min} to ${max}, not "${value}".`, name)
}

function oneOf<T extends string>(name: string, value: string, values: readonly T[]): T {
  const found = values.find((each) => each === value)
  if (found !== undefined) return found
  throw new StartError('bad-config', `${name} must be one of ${values.join(', ')}, not "${value}".`, name)
}

// Separated by commas or spaces.
function list(value: string | null): string[] {
  return value === null ? [] : value.split(/[\s,]+/).filter((entry) => entry !== '')
}

function hostName(value: string): string {
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i.test(value)) return value.toLowerCase()
  throw new StartError(
    'bad-config',
    `HEADWATER_HOSTS takes names such as streams.example.org, not "${withoutSecrets(value)}".`,
    'HEADWATER_HOSTS',
  )
}

// Named one by one: pages of any origin could otherwise read what a logged-in browser may.
function origin(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url !== null && /^https?:$/.test(url.protocol) && url.origin === value.replace(/\/$/, '').toLowerCase())
    return url.origin
  throw new StartError(
    'bad-config',
    `HEADWATER_CORS takes origins such as https://app.example.org, not "${withoutSecrets(value)}".`,
    'HEADWATER_CORS',
  )
}

function storeKind(value: string): ServerConfig['store'] {
  if (value === 'memory' || value === 'embedded') return value
  if (/^rediss?:\/\/[^/]/.test(value) && URL.canParse(value)) return { redis: value }
  throw new StartError(
    'bad-config',
    `HEADWATER_STORE must be "memory", "embedded" or the address of a Redis ("redis://host:6379"), not "${withoutSecrets(value)}".`,
    'HEADWATER_STORE',
  )
}

function address(name: string, value: string | undefined): string | null {
  const given = text(value)
  if (given === null) return null
  try {
    const { protocol } = new URL(given)
    if (protocol === 'http:' || protocol === 'https:') return given.replace(/\/+$/, '')
  } catch {
    // Refused below, with the same words.
  }
  throw new StartError('bad-config', `${name} must be an http or https address, not "${withoutSecrets(given)}".`, name)
}

// Ollama's own variable may be a bare host or host:port, without the scheme; and 0.0.0.0, where it says where Ollama listens.
function ollamaAddress(value: string | null): string {
  if (value === null) return DEFAULT_OLLAMA_HOST
  const hasScheme = /^https?:\/\//.test(value)
  // Looked for in the text: a URL hides the port that its scheme implies.
  const hasPort = /:\d+\/?$/.test(value)
  try {
    const url = new URL(hasScheme ? value : `http://${value}`)
    if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
    if (!hasPort && !hasScheme) url.port = OLLAMA_PORT
    return url.origin
  } catch {
    throw new StartError('bad-config', 'OLLAMA_HOST must be a host, host:port or an http address.', 'OLLAMA_HOST')
  }
}

// A URL may carry a password; it is not repeated in a message.
export function withoutSecrets(value: string): string {
  return value.replace(/\/\/[^@/]*@/, '//…@')
}
