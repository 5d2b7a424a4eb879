import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { LONG_POLL_MS } from './limits.ts'
import { StartError } from './server-error.ts'

/** Where the server listens, what it keeps streams in, and which models it may offer. */
export interface ServerConfig {
  /** 0 lets the system choose. */
  port: number
  host: string
  /** An address is one of Redis: `redis://` or `rediss://`. */
  store: 'memory' | 'embedded' | { redis: string }
  /** Absolute path of the embedded store's folder. */
  dataFolder: string
  /** Token that clients must present; `null` where none was set (then one is generated where `host` is not loopback). */
  token: string | null
  /** Milliseconds that a long-poll waits. */
  longPollMs: number
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
export interface ServerFlags {
  port?: string | number | undefined
  host?: string | undefined
  store?: string | undefined
  data?: string | undefined
  token?: string | undefined
  longPollMs?: string | number | undefined
}

export const DEFAULT_PORT = 4437
export const DEFAULT_HOST = '127.0.0.1'
/** A few characters every 25 ms: about as fast as a hosted model writes. */
export const DEFAULT_DEMO_DELAY_MS = 25
const OLLAMA_PORT = '11434'
const DEFAULT_OLLAMA_HOST = `http://127.0.0.1:${OLLAMA_PORT}`

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The server's configuration out of environment variables and flags.
 * @throws {StartError} `bad-config`, naming the flag or variable
 */
export function readConfig(env: Environment, flags: ServerFlags = {}): ServerConfig {
  const data = text(flags.data) ?? text(env['HEADWATER_DATA'])
  return {
    port: integer('PORT', flags.port ?? env['PORT'], DEFAULT_PORT, 0, 65_535),
    host: text(flags.host) ?? text(env['HOST']) ?? DEFAULT_HOST,
    store: storeKind(text(flags.store) ?? text(env['HEADWATER_STORE']) ?? 'embedded'),
    dataFolder: data === null ? defaultDataFolder(env, process.platform) : resolve(data),
    token: text(flags.token) ?? text(env['HEADWATER_TOKEN']),
    longPollMs: integer(
      'HEADWATER_LONG_POLL_MS',
      flags.longPollMs ?? env['HEADWATER_LONG_POLL_MS'],
      LONG_POLL_MS,
      1,
      600_000,
    ),
    models: {
      openaiBaseUrl: address('OPENAI_BASE_URL', env['OPENAI_BASE_URL']),
      openaiApiKey: text(env['OPENAI_API_KEY']),
      anthropicApiKey: text(env['ANTHROPIC_API_KEY']),
      ollamaHost: ollamaAddress(text(env['OLLAMA_HOST'])),
      demoDelayMs: integer('HEADWATER_DEMO_DELAY_MS', env['HEADWATER_DEMO_DELAY_MS'], DEFAULT_DEMO_DELAY_MS, 0, 10_000),
    },
  }
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
  const number = typeof value === 'number' ? value : /^\d{1,9}$/.test(value.trim()) ? Number(value) : Number.NaN
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw new StartError('bad-config', `${name} must be a whole number from ${min} to ${max}, not "${value}".`, name)
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
