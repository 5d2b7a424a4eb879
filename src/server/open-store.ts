import { accessSync, constants, mkdirSync } from 'node:fs'
import type { ServerConfig } from './config.ts'
import { lockFolder } from './folder-lock.ts'
import { StartError } from './server-error.ts'
import { MemoryStreamStore } from './stores/memory.ts'
import type { StreamStore } from './stream-store.ts'

export interface OpenedStore {
  store: StreamStore
  /** `null` where nothing is kept on disk. */
  folder: string | null
  close(): Promise<void>
}

/** The store that the configuration asks for. @throws {StartError} `data-folder` */
export async function openStore(config: ServerConfig): Promise<OpenedStore> {
  if (config.store === 'memory') {
    const store = new MemoryStreamStore()
    return { store, folder: null, close: () => store.close() }
  }
  const folder = config.dataFolder
  prepareFolder(folder)
  const unlock = lockFolder(folder)
  try {
    // Loaded only here: a server in memory needs no native code.
    const { EmbeddedStreamStore } = await import('./stores/embedded.ts')
    const store = new EmbeddedStreamStore({ folder })
    return { store, folder, close: () => store.close().finally(unlock) }
  } catch (error) {
    unlock()
    throw new StartError('data-folder', `The database in ${folder} cannot be opened: ${messageOf(error)}`, folder, {
      cause: error,
    })
  }
}

function prepareFolder(folder: string): void {
  try {
    // What people say to a model is theirs alone.
    mkdirSync(folder, { recursive: true, mode: 0o700 })
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
