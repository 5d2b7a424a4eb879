import { LONG_POLL_MS, MAX_APPEND_BYTES, MAX_EVENT_BYTES, MAX_STREAM_BYTES, MAX_STREAMS } from './limits.ts'

/** One thing that an operator can set: by a flag of `headwater serve`, or by a variable of the environment. The flag wins. */
export interface Setting {
  readonly flag: string
  readonly variable: string
  /** What the value is, for a help text. */
  readonly hint: string
  /** One line, for the help text and for docs/configuration.md. */
  readonly help: string
  /** The default as people read it. */
  readonly shown: string
}

/** A setting that is a whole number. */
export interface NumberSetting extends Setting {
  readonly min: number
  readonly max: number
  /** `network`: where the server can be reached from other machines. There strangers share it; on a loopback address one person has it alone. */
  readonly fallback: number | { readonly loopback: number; readonly network: number }
}

const KIB = 1024
const MIB = 1024 * KIB
const HOUR_MS = 3_600_000

/** Sizes, rates and times. Where 0 is allowed for a limit, it means: none. */
export const NUMBERS = {
  port: number('port', 'PORT', 'n', 'Port to listen on; 0 for any free one', 4437, 0, 65_535),
  longPollMs: number(
    'long-poll-ms',
    'HEADWATER_LONG_POLL_MS',
    'ms',
    'How long a long-poll waits',
    LONG_POLL_MS,
    1,
    600_000,
  ),
  proxies: number(
    'proxies',
    'HEADWATER_PROXIES',
    'n',
    'Reverse proxies in front that add to X-Forwarded-For; they tell who a client is',
    0,
    0,
    10,
  ),
  maxAppendBytes: number(
    'max-append-bytes',
    'HEADWATER_MAX_APPEND_BYTES',
    'bytes',
    'Largest body of one append (413)',
    MAX_APPEND_BYTES,
    KIB,
    1024 * MIB,
  ),
  maxEventBytes: number(
    'max-event-bytes',
    'HEADWATER_MAX_EVENT_BYTES',
    'bytes',
    'Largest single message of a stream in JSON mode (413)',
    MAX_EVENT_BYTES,
    KIB,
    1024 * MIB,
  ),
  maxStreamBytes: number(
    'max-stream-bytes',
    'HEADWATER_MAX_STREAM_BYTES',
    'bytes',
    'Largest stream (413); 0 for none',
    MAX_STREAM_BYTES,
    0,
    Number.MAX_SAFE_INTEGER,
  ),
  maxStreams: number(
    'max-streams',
    'HEADWATER_MAX_STREAMS',
    'n',
    'How many streams there may be (507); 0 for any number',
    MAX_STREAMS,
    0,
    Number.MAX_SAFE_INTEGER,
  ),
  maxHeaderBytes: number(
    'max-header-bytes',
    'HEADWATER_MAX_HEADER_BYTES',
    'bytes',
    'Largest head of a request (431)',
    16 * KIB,
    KIB,
    MIB,
  ),
  maxConnections: number(
    'max-connections',
    'HEADWATER_MAX_CONNECTIONS',
    'n',
    'Open connections, all together (503)',
    20_000,
    1,
    1_000_000,
  ),
  maxClientConnections: number(
    'max-client-connections',
    'HEADWATER_MAX_CLIENT_CONNECTIONS',
    'n',
    'Open connections of one client address (429); 0 for any number',
    { loopback: 0, network: 500 },
    0,
    1_000_000,
  ),
  rate: number(
    'rate',
    'HEADWATER_RATE',
    'n',
    'Requests per second, all together (503), with bursts of ten seconds; 0 for any number',
    { loopback: 0, network: 5000 },
    0,
    1_000_000,
  ),
  clientRate: number(
    'client-rate',
    'HEADWATER_CLIENT_RATE',
    'n',
    'Requests per second of one client address (429), with bursts of ten seconds; 0 for any number',
    { loopback: 0, network: 200 },
    0,
    1_000_000,
  ),
  headersTimeoutMs: number(
    'headers-timeout-ms',
    'HEADWATER_HEADERS_TIMEOUT_MS',
    'ms',
    'How long the head of a request may take (408)',
    15_000,
    10,
    HOUR_MS,
  ),
  requestTimeoutMs: number(
    'request-timeout-ms',
    'HEADWATER_REQUEST_TIMEOUT_MS',
    'ms',
    'How long a whole request may take, its body included (408)',
    120_000,
    10,
    HOUR_MS,
  ),
  idleTimeoutMs: number(
    'idle-timeout-ms',
    'HEADWATER_IDLE_TIMEOUT_MS',
    'ms',
    'How long a connection may move no byte before it is cut',
    120_000,
    10,
    HOUR_MS,
  ),
} as const satisfies Record<string, NumberSetting>

/** The rest: words, addresses and lists. */
export const TEXTS = {
  host: text('host', 'HOST', 'address', 'Address to listen on', '127.0.0.1'),
  store: text('store', 'HEADWATER_STORE', 'kind', 'memory, embedded, or the redis:// address of a Redis', 'embedded'),
  data: text(
    'data',
    'HEADWATER_DATA',
    'folder',
    'Folder of the embedded store',
    'a folder of yours, by the platform’s convention',
  ),
  token: text('token', 'HEADWATER_TOKEN', 'token', 'Token that clients must present', 'made where one is needed'),
  hosts: text(
    'hosts',
    'HEADWATER_HOSTS',
    'names',
    'Names under which a proxy offers this server, with commas between; clients then need a token',
    'none',
  ),
  log: text(
    'log',
    'HEADWATER_LOG',
    'level',
    'What is logged on stderr: silent, error, info, debug, or auto: error on a terminal, else info',
    'auto',
  ),
  logFormat: text(
    'log-format',
    'HEADWATER_LOG_FORMAT',
    'format',
    'pretty, json, or auto: pretty on a terminal, else json',
    'auto',
  ),
  cors: text(
    'cors',
    'HEADWATER_CORS',
    'origins',
    'Origins whose pages may use this server, with commas between',
    'none',
  ),
} as const satisfies Record<string, Setting>

export type NumberKey = keyof typeof NUMBERS
export type TextKey = keyof typeof TEXTS

/** Settings that come by the environment alone: secrets and addresses of others, under the names that those use. */
export const VARIABLES = {
  OPENAI_BASE_URL: 'Address of an OpenAI-compatible API',
  OPENAI_API_KEY: 'Its key',
  ANTHROPIC_API_KEY: 'Key for Anthropic’s models',
  OLLAMA_HOST: 'Address of Ollama, asked at start',
  HEADWATER_DEMO_DELAY_MS: 'Milliseconds between two words of the demo model',
} as const

function number(
  flag: string,
  variable: string,
  hint: string,
  help: string,
  fallback: NumberSetting['fallback'],
  min: number,
  max: number,
): NumberSetting {
  const shown =
    typeof fallback === 'number' ? String(fallback) : `${fallback.network}, on a loopback address ${fallback.loopback}`
  return { flag, variable, hint, help, fallback, min, max, shown }
}

function text(flag: string, variable: string, hint: string, help: string, shown: string): Setting {
  return { flag, variable, hint, help, shown }
}
