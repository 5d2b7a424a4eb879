import { Refusal } from '../answers.ts'
import { MAX_LISTED } from '../limits.ts'

/** Which part of a list, newest first, is asked for. */
export interface ListPage {
  /** Most entries, 1 to {@link MAX_LISTED}. */
  readonly limit: number
  /** Only entries whose newest stream has a lower id than this. */
  readonly before: number
}

export const FIRST_PAGE: ListPage = { limit: MAX_LISTED, before: Infinity }

/** The part of a list that is answered. */
export interface Listed<T> {
  readonly shown: readonly T[]
  /** How many there are besides, all older, and what `before` has to be for the next of them. Empty where there are none. */
  readonly rest: { older?: number; next?: string }
}

/**
 * The query of a list. Default: the newest {@link MAX_LISTED}.
 * @throws {Refusal} 400 `bad-page`
 */
export function parseListPage(limit: string | undefined, before: string | undefined): ListPage {
  const page = {
    limit: limit === undefined ? FIRST_PAGE.limit : wholeNumber(limit),
    before: before === undefined ? FIRST_PAGE.before : wholeNumber(before),
  }
  if (page.limit >= 1 && page.limit <= MAX_LISTED && !Number.isNaN(page.before)) return page
  const message = `limit is a whole number from 1 to ${MAX_LISTED}, and before is what an earlier answer had as next.`
  throw new Refusal(400, 'bad-page', message)
}

/**
 * One page of a list. The place is the id of a stream, not a name: it is still one when that stream was deleted.
 * @param all newest first
 * @param idOf id of an entry's newest stream
 */
export function listPage<T>(all: readonly T[], idOf: (entry: T) => number, { limit, before }: ListPage): Listed<T> {
  const begin = before === Infinity ? 0 : all.findIndex((entry) => idOf(entry) < before)
  const from = begin === -1 ? all.length : begin
  const shown = all.slice(from, from + limit)
  const older = all.length - from - shown.length
  const last = shown.at(-1)
  return { shown, rest: older > 0 && last !== undefined ? { older, next: String(idOf(last)) } : {} }
}

function wholeNumber(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
}
