import { Redis } from 'ioredis'
import { nanoid } from 'nanoid'
import * as v from 'valibot'
import type { StreamChange } from '../stream-store.ts'
import { held, Missing, RedisKnowledge, RedisTransaction } from './redis-transaction.ts'
import { RedisKeys } from './redis-keys.ts'
import { within } from '../within.ts'
import { checkRow, DamagedError, whole } from './stored-values.ts'
import type { StreamRow, TableDatabase, Tables } from './tables.ts'

export interface RedisTablesOptions {
  /** Address: `redis://` or `rediss://`, with user, password and database where there are any. */
  url: string
  /** What all keys and channels begin with, so that several services can share a Redis. Default `headwater`. */
  prefix?: string
}

/**
 * Checks that what a transaction read still holds, then writes: all of it or nothing. Sent again after a lost connection it is applied once, by
 * its id, which Redis remembers for longer than any client waits.
 * ARGV: id, count of checks, (key, field, value or '')…, count of commands, (count of words, word…)…
 * Answers with 0, or the number of the first check that failed.
 */
const COMMIT = `
local at = 3
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for check = 1, tonumber(ARGV[1]) do
  local found = redis.call('HGET', ARGV[at - 1], ARGV[at])
  if (found or '') ~= ARGV[at + 1] then return check end
  at = at + 3
end
local commands = tonumber(ARGV[at - 1])
for command = 1, commands do
  local words = tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
if commands > 0 then redis.call('SET', KEYS[1], 1, 'EX', 600) end
return 0
`

/** A transaction that loses so often against other processes is not going to win. */
const MAX_CONFLICTS = 1_000
/** How many rows of a list are fetched at once. */
const FETCH_ROWS = 1_000
/** Most calls of one transaction: Redis does nothing else meanwhile. */
const MAX_BATCH = 256

/** What a Redis answers that is no primary any more, or not yet: whoever takes over is found under the same address. */
const NOT_NOW = /^(READONLY|LOADING|MASTERDOWN)/
/** How long a Redis may be silent before its connection counts as dead, in milliseconds: where a machine or a network is lost, nobody says so. */
const SILENCE_MS = 10_000
/** How long an attempt to connect may take, in milliseconds. */
const CONNECT_MS = 5_000
/** How often the connection that only listens asks whether it is still there, in milliseconds. */
const PING_MS = 5_000
/** How long what is under way may take when the store is closed, in milliseconds. */
const CLOSE_MS = 1_000

/** An array, because a call takes a limited number of arguments, and one append may bring 350,000. */
type Commit = (key: string, args: readonly (string | number | Buffer)[]) => Promise<number>

interface Waiting {
  readonly run: (tables: Tables) => { changes: readonly StreamChange[]; answer: () => void }
  readonly reject: (error: unknown) => void
}

/** What another process committed; `null` where some of it may have been missed. */
type ForeignChange = (change: StreamChange | null) => void

/**
 * Tables in Redis. The rules of the store are functions over tables that know nothing of waiting: they run on what is known here, are run
 * again where something had to be fetched first, and what they wrote is committed by one script, which refuses where anything they had read has changed meanwhile.
 */
export class RedisTables implements TableDatabase {
  readonly #redis: Redis
  readonly #subscriber: Redis
  readonly #keys: RedisKeys
  readonly #known = new RedisKnowledge()
  /** This process, as its own announcements name it. */
  readonly #self = nanoid()
  #waiting: Waiting[] = []
  #running: Promise<void> | null = null
  #listener: ForeignChange = () => undefined
  readonly #pings: NodeJS.Timeout

  constructor({ url, prefix = 'headwater' }: RedisTablesOptions) {
    this.#keys = new RedisKeys(prefix)
    this.#redis = new Redis(url, {
      // A restart or a fail-over of Redis is a pause: commands wait, and those that got no answer, or that one, are sent again.
      maxRetriesPerRequest: null,
      reconnectOnError: ({ message }) => (NOT_NOW.test(message) ? 2 : false),
      socketTimeout: SILENCE_MS,
      connectTimeout: CONNECT_MS,
      retryStrategy: (times) => Math.min(50 * 2 ** times, 2_000),
      scripts: { headwaterCommit: { lua: COMMIT, numberOfKeys: 1 } },
    })
    this.#subscriber = this.#redis.duplicate()
    for (const connection of [this.#redis, this.#subscriber]) {
      // Without a listener it would be thrown. Calls wait, and `ready` says what is wrong at the start.
      connection.on('error', () => undefined)
    }
    this.#subscriber.on('message', (_, message: string) => this.#hear(message))
    // Also after every reconnection; what was said meanwhile is lost.
    this.#subscriber.on('ready', () => {
      void this.#subscriber.subscribe(this.#keys.changes).then(
        () => this.#listener(null),
        () => undefined,
      )
    })
    this.#pings = setInterval(() => {
      if (this.#subscriber.status === 'ready') this.#subscriber.ping().catch(() => undefined)
    }, PING_MS).unref()
  }

  async ready(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    let why = 'it does not answer'
    const onError = (error: Error): void => void (why = error.message)
    this.#redis.on('error', onError)
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Redis cannot be reached: ${why}`)), timeoutMs)
    })
    try {
      await Promise.race([this.#redis.ping(), tooLate])
    } finally {
      clearTimeout(timer)
      this.#redis.off('error', onError)
    }
  }

  async holdLease(writer: string, ms: number): Promise<void> {
    await this.#redis.set(this.#keys.lease(writer), 1, 'PX', ms)
  }

  async hasLease(writer: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.lease(writer))) === 1
  }

  countRows(): Promise<number> {
    return this.#redis.hlen(this.#keys.rows)
  }

  onForeignChange(listener: ForeignChange): void {
    this.#listener = listener
  }

  #hear(message: string): void {
    const said = readAnnouncement(message)
    // Not one of ours: whatever it meant, looking again is never wrong.
    if (said === null) this.#listener(null)
    else if (said.from !== this.#self) this.#listener(said.change)
  }

  /** Reads see one row as it is now, and what belongs to it: records never change. */
  async read<T>(work: (tables: Tables) => T): Promise<T> {
    const transaction = new RedisTransaction(this.#redis, this.#keys, new RedisKnowledge())
    return transaction.run(() => work(transaction))
  }

  async rows(channel?: string): Promise<StreamRow[]> {
    const ids =
      channel === undefined ? this.#redis.hkeys(this.#keys.rows) : this.#redis.smembers(this.#keys.runs(channel))
    return this.#rowsOf(await ids)
  }

  async unfinishedRows(): Promise<StreamRow[]> {
    return this.#rowsOf(await this.#redis.smembers(this.#keys.unfinished))
  }

  /** In pieces: neither Redis nor this process should do nothing else meanwhile. */
  async #rowsOf(ids: readonly string[]): Promise<StreamRow[]> {
    const rows: StreamRow[] = []
    for (let from = 0; from < ids.length; from += FETCH_ROWS) {
      const piece = ids.slice(from, from + FETCH_ROWS)
      const values = await this.#redis.hmgetBuffer(this.#keys.rows, ...piece)
      for (const [i, id] of piece.entries()) {
        const { value } = held<unknown>(values[i])
        const row = value === undefined ? undefined : whole(() => checkRow(value, Number(id)))
        if (row !== undefined) rows.push(row)
      }
    }
    return rows
  }

  write<T>(work: (tables: Tables) => T, changesOf: (result: T) => readonly StreamChange[] = () => []): Promise<T> {
    return new Promise((resolve, reject) => {
      const run: Waiting['run'] = (tables) => {
        const result = work(tables)
        return { changes: changesOf(result), answer: () => resolve(result) }
      }
      this.#waiting.push({ run, reject })
      this.#running ??= this.#run()
    })
  }

  /** One transaction is in flight; what is asked meanwhile goes into the next, in order. */
  async #run(): Promise<void> {
    // Appends that arrive together are committed together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const done = await this.#commitApart(this.#waiting.slice(0, MAX_BATCH))
      this.#waiting.splice(0, done)
    }
    this.#running = null
  }

  /** Where a batch fails, each of its calls is tried alone: one that meets something damaged takes no other with it. Resolves with how many are done. */
  async #commitApart(batch: readonly Waiting[]): Promise<number> {
    try {
      return await this.#commit(batch)
    } catch (error) {
      const [first, ...others] = batch
      if (others.length === 0) first?.reject(error)
      else for (const each of batch) await this.#commitApart([each])
      return batch.length
    }
  }

  /** Commits the calls from the first on that fit into one transaction. Resolves with how many those are. */
  async #commit(batch: readonly Waiting[]): Promise<number> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const transaction = new RedisTransaction(this.#redis, this.#keys, this.#known)
      const answers = await transaction.run(() => {
        const results: ReturnType<Waiting['run']>[] = []
        for (const { run, reject } of batch) {
          if (transaction.isFull) break
          try {
            results.push(run(transaction))
          } catch (error) {
            if (error instanceof Missing || error instanceof DamagedError) throw error
            results.push({ changes: [], answer: () => reject(error) })
          }
        }
        return results
      })
      const announcements = answers.flatMap(({ changes }) =>
        changes.map((change) => ['PUBLISH', this.#keys.changes, JSON.stringify({ from: this.#self, change })]),
      )
      const commands = [...transaction.commands(), ...announcements]
      const commit = (this.#redis as unknown as { headwaterCommit: Commit }).headwaterCommit.bind(this.#redis)
      const checks = transaction.checks
      const failed = await commit(this.#keys.transaction(nanoid()), [
        ...[checks.length, ...checks.flat()],
        ...[commands.length, ...commands.flatMap((words) => [words.length, ...words])],
      ])
      if (failed === 0) {
        transaction.keep()
        for (const { answer } of answers) answer()
        return answers.length
      }
      transaction.forget()
    }
    throw new Error('Too many processes write the same streams at once.')
  }

  /** What Redis does not answer in a moment is rejected: it may be away for long. */
  async close(): Promise<void> {
    await within(CLOSE_MS, this.#running)
    this.#listener = () => undefined
    clearInterval(this.#pings)
    for (const connection of [this.#subscriber, this.#redis]) {
      // Between two attempts to reconnect ioredis 6.0.0 would keep what waits for ever (`disconnect`); in the middle of one it rejects it.
      if (connection.status === 'reconnecting') connection.connect().catch(() => undefined)
      connection.disconnect()
    }
    await this.#running
  }
}

const Announcement = v.object({
  from: v.string(),
  change: v.object({
    kind: v.picklist(['created', 'grown', 'ended', 'removed']),
    name: v.object({ channel: v.string(), run: v.string() }),
  }),
})

/** What another process said; `null` where it is none of our messages. */
function readAnnouncement(message: string): { from: string; change: StreamChange } | null {
  try {
    return v.parse(Announcement, JSON.parse(message))
  } catch {
    return null
  }
}
