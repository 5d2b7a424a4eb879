import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** What is replaced, by whoever it is imported, and by what. */
const DOORS: readonly { module: string; importer?: string; door: string }[] = [
  { module: path('../../../src/upstream/connect-upstream.ts'), door: path('./upstream-door.ts') },
  { module: path('../../../src/store/idb-store.ts'), door: path('./store-door.ts') },
  { module: path('../../../src/store/idb-transaction.ts'), door: path('./transaction-door.ts') },
  { module: path('../../../src/liveness/locks.ts'), door: path('./locks-door.ts') },
  { module: 'comlink', importer: path('../../../src/hub/tab-link.ts'), door: path('./comlink-door.ts') },
]

/**
 * A build in which hubs stop at the {@link FaultPoint}s.
 * @param mustUse the build fails where a door is not used: the hub then has another way out, and a test would wait at a point for ever
 */
export function faultDoors({ mustUse }: { mustUse: boolean }): Plugin {
  const used = new Set<string>()
  return {
    name: 'fault-doors',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      // A door's own way to what is behind it.
      if (importer === undefined || DOORS.some(({ door }) => door === importer)) return null
      const wanted = source.startsWith('.') ? (await this.resolve(source, importer, options))?.id : source
      const found = DOORS.find((door) => door.module === wanted && (door.importer ?? importer) === importer)
      if (found === undefined) return null
      used.add(found.door)
      return found.door
    },
    buildEnd(error) {
      const unused = DOORS.filter(({ door }) => !used.has(door)).map(({ module }) => module)
      if (mustUse && error === undefined && unused.length > 0) {
        this.error(`No hub passes through ${unused.join(', ')} any more: correct test/e2e/faults/doors.ts.`)
      }
    },
  }
}
