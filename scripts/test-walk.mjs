// @ts-check
// `npm run test:walk -- --seed S --steps N [--browser] [--only 1,2,3]`: seeded random walks, checked after every step against a small reference
// model (test/walk/reference.ts). A walk that fails is shrunk, and printed with the command that repeats it.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createServer, createServerModuleRunner } from 'vite'

/** A shorter walk is looked for at most so long. */
const SHRINK_MS = 120_000
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    steps: { type: 'string', default: '2000' },
    only: { type: 'string' },
    browser: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const steps = Number(values.steps)
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(steps)) {
  console.error('--seed and --steps are whole numbers.')
  process.exit(2)
}
const only = values.only === undefined ? null : values.only.split(',').map(Number)
console.log(`seed ${seed}, ${only === null ? `${steps} steps` : `only ${only.length} steps`}`)
const start = performance.now()
// Open for as long as the walks last: some modules are imported only when they are needed.
const server = await createServer({
  root: ROOT,
  configFile: false,
  logLevel: 'error',
  server: { middlewareMode: true, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
})
let failed = 1
try {
  const runner = createServerModuleRunner(server.environments.ssr)
  const options = { seed, steps, only, shrinkMs: SHRINK_MS }
  if (values.browser) {
    /** @type {typeof import('../test/walk/browser-walks.ts')} */
    const { runBrowserWalks } = await runner.import(join(ROOT, 'test/walk/browser-walks.ts'))
    failed = await runBrowserWalks(options, console.log)
  } else {
    /** @type {typeof import('../test/walk/node-walks.ts')} */
    const { runWalks, walkInNode } = await runner.import(join(ROOT, 'test/walk/node-walks.ts'))
    failed = await runWalks(walkInNode, options, console.log)
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  console.log(`${failed === 0 ? 'nothing found' : `${failed} walks failed`} in ${seconds} s`)
} finally {
  await server.close()
}
process.exit(failed === 0 ? 0 : 1)
