import type { DBSchema, IDBPDatabase } from 'idb'
import { openDB } from 'idb'
import { HeadwaterError } from '../protocol/errors.ts'
import type { StoredSource } from '../protocol/source.ts'
import type { StreamRow } from './log-store.ts'
import { toStoreError } from './store-error.ts'

/** What of a stream never changes after it was created, and may be large: 16 MB of body, 64 kB of meta. */
export interface Origin {
  streamId: string
  /** A random number, of this record alone. */
  tag: number
  source: StoredSource | null
  meta?: unknown
}

/** The rest of a stream's row, which every append writes. */
export type StoredRow = Omit<StreamRow, 'source' | 'meta'> & {
  /** The tag of its {@link Origin}. */
  origin: number
}

/**
 * The format of the database. Its version is part of the database's name, because an upgrade in place hangs while any old tab is open; so
 * this one never changes.
 */
export interface LogSchema extends DBSchema {
  streams: { key: string; value: StoredRow; indexes: { byChannel: [string, number] } }
  origins: { key: string; value: Origin }
  /** `PackedChunks` under [streamId, fromSeq], or whatever a damaged disk has made of one. */
  segments: { key: [string, number]; value: unknown }
}

export type LogDatabase = IDBPDatabase<LogSchema>

/** All segments of a stream, or those from a seq on. Arrays sort after numbers. */
export function segmentsOf(streamId: string, fromSeq = 0): IDBKeyRange {
  return IDBKeyRange.bound([streamId, fromSeq], [streamId, []])
}

/** All streams of a channel in the index `byChannel`, oldest first. */
export function streamsOf(channel: string): IDBKeyRange {
  return IDBKeyRange.bound([channel], [channel, []])
}

function createStores(db: LogDatabase): void {
  const streams = db.createObjectStore('streams', { keyPath: 'streamId' })
  streams.createIndex('byChannel', ['channel', 'createdAt'])
  db.createObjectStore('origins', { keyPath: 'streamId' })
  db.createObjectStore('segments')
}

/** Key of the record that names the life of a database. No stream has an empty id. */
const LIFE_KEY = ''

/** The record that names the life of a database: one that was deleted and made again has another, however alike it looks. */
export function lifeRecord(life: number): Origin {
  return { streamId: LIFE_KEY, tag: life, source: null }
}

/** Reads the life of a database, and gives it one where it has none. It cannot change while the database is open. */
async function readLife(db: LogDatabase): Promise<number> {
  const known = await db.get('origins', LIFE_KEY)
  if (typeof known?.tag === 'number') return known.tag
  const tx = db.transaction('origins', 'readwrite')
  // Another hub may have been quicker.
  const life = (await tx.store.get(LIFE_KEY))?.tag ?? Math.random()
  await tx.store.put(lifeRecord(life))
  await tx.done
  return life
}

/**
 * Opens the database. `onGone` is called when this handle must no longer be used: the browser closed it, or somebody deletes the database.
 * @throws {HeadwaterError} `store` where there is no IndexedDB, or it does not let us in
 */
export async function openLogDatabase(name: string, onGone: () => void): Promise<{ db: LogDatabase; life: number }> {
  if (typeof indexedDB === 'undefined') {
    throw new HeadwaterError('store', 'This browser offers no IndexedDB here; streams are kept in memory only.', {
      name: 'NoIndexedDB',
    })
  }
  let refuse: (error: HeadwaterError) => void = () => undefined
  const blocked = new Promise<never>((_, reject) => {
    refuse = reject
  })
  let opening: Promise<LogDatabase> | undefined
  try {
    opening = openDB<LogSchema>(name, 1, {
      upgrade: createStores,
      blocked() {
        refuse(
          new HeadwaterError('store', `The database "${name}" is held by an older tab; close it and reload.`, {
            name: 'Blocked',
          }),
        )
      },
      // Whoever asks for another version (a deletion, "clear site data") must not wait for us.
      blocking(_current, _blocked, event) {
        ;(event.target as IDBDatabase).close()
        onGone()
      },
      terminated: onGone,
    })
    const db = await Promise.race([opening, blocked])
    return { db, life: await readLife(db) }
  } catch (cause) {
    void opening?.then(
      (late) => late.close(),
      () => undefined,
    )
    throw toStoreError(cause, 'open the database of streams')
  }
}
