import { refusalCode, refuse } from '../answers.ts'
import type { Guard } from '../guard.ts'
import { isApi, presentsToken } from '../guard.ts'
import type { Cors } from '../cors.ts'
import { shownTarget } from '../log/redact.ts'
import type { ServerLog } from '../log/server-log.ts'
import type { Answer } from '../plain-answer.ts'
import { addressOf, toRequest } from '../plain-request.ts'
import type { PlainRequest } from '../plain-request.ts'
import type { Crowd } from './connections.ts'
import { RateLimiter } from './rate-limiter.ts'

/** Wrong tokens per second of one client: enough for a person who mistypes, ten in a row. */
const WRONG_TOKENS_PER_SECOND = 1

/** Where a request came from. */
export interface Caller {
  /** {@link clientAddress} */
  readonly client: string
  readonly crowd: Crowd | null
}

export interface FrontDoorOptions {
  readonly guard: Guard
  /** Whether the token may be one that can be guessed: then wrong ones are counted, and who sent too many waits, also with the right one. */
  readonly isGuessable: boolean
  /** A page of an origin that is allowed reads why it is refused: to it an answer that it may not read is a lost network. */
  readonly cors: Pick<Cors, 'open'>
  /** What answers the API. */
  readonly api: (request: PlainRequest) => Promise<Answer>
  /** What answers everything else; `null` where there is nothing else. */
  readonly files: ((request: Request) => Promise<Response>) | null
  /** Requests per second, of all clients and of one; 0 for any number. */
  readonly rate: number
  readonly clientRate: number
  readonly log: ServerLog
  /** Called with the code of each refusal that is given here. */
  readonly onRefused: (code: string) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** The way from a socket to what answers: too many, too fast, not allowed, and then the API or the app. */
export interface FrontDoor {
  /** Why a request may not go on, or what answers it already; `null` lets it pass. Counts it. */
  refusal(request: PlainRequest, caller: Caller): Response | null
  answer(request: PlainRequest, caller: Caller): Promise<Answer>
}

export function createFrontDoor(options: FrontDoorOptions): FrontDoor {
  const { guard, api, files, log, now } = options
  const all = new RateLimiter(options.rate, now)
  const clients = new RateLimiter(options.clientRate, now)
  const guesses = new RateLimiter(WRONG_TOKENS_PER_SECOND, now)

  const check = (request: PlainRequest, url: URL, { client, crowd }: Caller): Response | null => {
    if (crowd !== null) return tooManyConnections(crowd)
    const wait = clients.take(client)
    if (wait > 0) return tooFast(429, 'too-many-requests', 'You ask too often.', wait)
    const waitForAll = all.take('')
    if (waitForAll > 0) return tooFast(503, 'overloaded', 'The server is asked too often by all together.', waitForAll)
    const isGuess = options.isGuessable && presentsToken(request, url)
    // Before the token is looked at: an answer that tells right from wrong is what a guess is after.
    const waitToGuess = isGuess ? guesses.look(client) : 0
    if (waitToGuess > 0) return tooFast(429, 'too-many-requests', 'Too many wrong tokens.', waitToGuess)
    const refused = guard(request, url)
    if (isGuess && refused?.status === 401) guesses.take(client)
    return refused
  }

  const refusal = (request: PlainRequest, url: URL, caller: Caller): Response | null => {
    const refused = check(request, url, caller)
    const code = refused === null ? undefined : refusalCode(refused)
    if (code !== undefined) options.onRefused(code)
    return refused
  }

  const answer = async (request: PlainRequest, url: URL, caller: Caller): Promise<Answer> => {
    const refused = refusal(request, url, caller)
    if (refused !== null) return options.cors.open(request, refused)
    const { pathname } = url
    // The router decodes what the guard compared as it was sent (`/%761` is `/v1` to it): only what the guard took for the API gets there.
    if (isApi(pathname) || pathname === '/healthz') return api(request)
    return files === null ? refuse(404, 'not-found', 'There is nothing at this address.') : files(toRequest(request))
  }

  return {
    refusal: (request, caller) => refusal(request, addressOf(request), caller),
    async answer(request, caller) {
      const start = now()
      const url = addressOf(request)
      const answered = await answer(request, url, caller)
      const { method } = request
      log.debug(
        { method, target: shownTarget(url), status: answered.status, ms: now() - start, client: caller.client },
        'request',
      )
      return answered
    },
  }
}

function tooFast(status: number, code: string, message: string, seconds: number): Response {
  return refuse(status, code, `${message} Wait ${seconds} s and try again.`, { 'retry-after': String(seconds) })
}

function tooManyConnections(crowd: Crowd): Response {
  const headers = { connection: 'close', 'retry-after': '5' }
  return crowd === 'all'
    ? refuse(503, 'too-many-connections', 'The server has as many connections as it may. Try again soon.', headers)
    : refuse(429, 'too-many-connections', 'Too many connections from your address. Close some, or wait.', headers)
}
