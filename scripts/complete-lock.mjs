// @ts-check
// After a change of package-lock.json through a registry mirror that does not hold other platforms' binaries: npm then leaves these out of the
// lock, and `npm ci` refuses it. This puts them back, as npm itself would have written them, apart from their checksums.
import { readFile, writeFile } from 'node:fs/promises'

/** `<os>-<cpu>` and, on Linux, which C library, at the end of the name of a package that holds a binary. */
const PLATFORM =
  /(?:^|[-/])(android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)(?:-?(gnu|musl)?\w*)$/

/**
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[],
 *   optionalDependencies?: Record<string, string> }} Entry
 */

const file = new URL('../package-lock.json', import.meta.url)
/** @type {{ packages: Record<string, Entry> }} */
const lock = JSON.parse(await readFile(file, 'utf8'))

let added = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const isThere = [`${path}/node_modules/${name}`, `node_modules/${name}`].some((place) => place in lock.packages)
    const platform = PLATFORM.exec(name)
    // A range is not a version: these packages are named by exact ones.
    if (isThere || platform === null || !/^\d+\.\d+\.\d+$/.test(version)) continue
    const [, os = '', cpu = '', libc] = platform
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(entry.dev === true && { dev: true }),
      ...(os === 'linux' && libc !== undefined && { libc: [libc === 'musl' ? 'musl' : 'glibc'] }),
      optional: true,
      os: [os],
    }
    added++
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))
await writeFile(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
console.log(`added ${added} packages of other platforms`)
