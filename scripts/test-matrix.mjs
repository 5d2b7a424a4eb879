// @ts-check
// `npm run test:matrix`: the kill matrix, all of it or some cells. What is done and looked at stands in test/e2e/matrix/.
//   node scripts/test-matrix.mjs [--engine=chromium|firefox] [--seed=S] [--cells=N] [--only=words] [--list]
// `--only` takes words that must all be parts of a cell's name (`--only=hub-killed,8`), or whole ids (`--only=hub-killed/read/8/get`).
// `--list` says which cells there are, and which make no sense and why; it runs none.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const ENGINES = /** @type {const} */ (['chromium', 'firefox'])
/** Cells that one browser may live through. Firefox gives nothing back: two of them held 22 GB after 260 cells each, and the machine stood still. */
const CELLS_OF_A_BROWSER = 130

function readArguments() {
  const { values } = parseArgs({
    options: {
      engine: { type: 'string', default: 'chromium' },
      seed: { type: 'string', default: process.env['HEADWATER_SEED'] ?? String(Date.now() % 2 ** 31) },
      cells: { type: 'string', default: 'all' },
      only: { type: 'string', default: '' },
      list: { type: 'boolean', default: false },
    },
  })
  const engine = ENGINES.find((name) => name === values.engine)
  if (engine === undefined) throw new Error(`There is no engine "${values.engine}"; there are ${ENGINES.join(', ')}.`)
  if (!/^\d+$/.test(values.seed)) throw new Error(`A seed is a number, not "${values.seed}".`)
  if (!/^(all|\d+)$/.test(values.cells)) throw new Error(`--cells is a number or "all", not "${values.cells}".`)
  return { ...values, engine }
}

try {
  const { engine, seed, cells, only, list } = readArguments()
  /** @type {{ module: typeof import('../test/e2e/matrix/cells.ts') }} */
  const { module } = await runnerImport(join(ROOT, 'test/e2e/matrix/cells.ts'), { configFile: false })
  const all = module.allCells()
  const left = all.filter((cell) => module.whyNot(cell, engine) === null)
  console.log(`${all.length} combinations, ${left.length} cells on ${engine}. Left out:`)
  for (const [reason, count] of module.leftOut(engine)) console.log(`  ${count}: ${reason}`)
  const wanted = module.selectCells({
    engine,
    seed: Number(seed),
    count: cells === 'all' ? Infinity : Number(cells),
    only: only.split(',').filter((word) => word !== ''),
  })
  if (wanted.length === 0) throw new Error(`No cell is called "${only}"; --list says which there are.`)
  if (list) {
    for (const cell of wanted) console.log(module.cellId(cell))
  } else {
    const runner = join(ROOT, 'node_modules/@playwright/test/cli.js')
    const shards = engine === 'firefox' ? Math.ceil(wanted.length / CELLS_OF_A_BROWSER) : 1
    for (let shard = 1; shard <= shards; shard++) {
      const child = spawn(process.execPath, [runner, 'test', '--project=matrix', `--shard=${shard}/${shards}`], {
        cwd: ROOT,
        stdio: ['ignore', 'inherit', 'inherit'],
        env: {
          ...process.env,
          HEADWATER_SEED: seed,
          HEADWATER_MATRIX_ENGINE: engine,
          HEADWATER_MATRIX_CELLS: cells,
          HEADWATER_MATRIX_ONLY: only,
        },
      })
      const [status, signal] = await once(child, 'close')
      if (status !== 0) process.exitCode = 1
      // Somebody wants no more.
      if (signal !== null) break
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
