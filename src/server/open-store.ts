import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { withoutSecrets, type ServerConfig } from './config.ts'
import { checkFolder, lockFolder } from './folder-lock.ts'
import { StartError } from './server-error.ts'
import { MemoryStreamStore } from './stores/memory.ts'
import type { EmbeddedStreamStore as EmbeddedStore } from './stores/embedded.ts'
import type { StreamStore } from './stream-store.ts'

export interface OpenedStore {
  store: StreamStore
  /** `null` where nothing is kept on this disk. */
  folder: string | null
  /** Where the data is, for people. */
  place: string
  close(): Promise<void>
}

/** The store that the configuration asks for. @throws {StartError} `data-folder`, `bad-config` */
export async function openStore(config: ServerConfig): Promise<OpenedStore> {
  if (config.store === 'memory') {
    const store = new MemoryStreamStore()
    return { store, folder: null, place: 'in memory only: gone when this ends', close: () => store.close() }
  }
  if (config.store !== 'embedded') {
    const { RedisStreamStore } = await import('./stores/redis.ts')
    const store = new RedisStreamStore({ url: config.store.redis })
    try {
      await store.ready()
    } catch (error) {
      await store.close()
      throw new StartError(
        'bad-config',
        `${messageOf(error)} (HEADWATER_STORE). Nothing was changed. Start Redis, or correct the address.`,
        'HEADWATER_STORE',
        { cause: error },
      )
    }
    return {
      store,
      folder: null,
      place: `in Redis at ${withoutSecrets(config.store.redis)}`,
      close: () => store.close(),
    }
  }
  const folder = config.dataFolder
  prepareFolder(folder)
  // Without touching the database of a server that runs.
  checkFolder(folder)
  // Loaded only here: a server in memory needs no native code.
  const { EmbeddedStreamStore } = await import('./stores/embedded.ts')
  let store: EmbeddedStore
  try {
    store = new EmbeddedStreamStore({ folder })
  } catch (error) {
    throw new StartError('data-folder', `The database in ${folder} cannot be opened: ${messageOf(error)}`, folder, {
      cause: error,
    })
  }
  try {
    // Of two that start at once, the second sees what the first wrote.
    const unlock = store.alone(() => lockFolder(folder))
    return { store, folder, place: folder, close: () => store.close().finally(unlock) }
  } catch (error) {
    await store.close()
    throw error
  }
}

function prepareFolder(folder: string): void {
  try {
    makeFolder(folder)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StartError(
      'data-folder',
      `The data folder ${folder} cannot be written (${messageOf(error)}). Give another one with --data, or HEADWATER_STORE=memory.`,
      folder,
      { cause: error },
    )
  }
}

// By hand: where a file system says that the parent is missing although it is there (/proc does), Node's own recursion never ends (seen in Node
// 20.20).
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  try {
    // What people say to a model is theirs alone.
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Somebody was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
