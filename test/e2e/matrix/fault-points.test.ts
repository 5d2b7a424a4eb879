import { expect, test } from '@playwright/test'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FAULT_PATH, FAULT_POINTS } from '../faults/fault-points.ts'
import { MATRIX_PAGE } from './build-page.ts'

const DIST = fileURLToPath(new URL('../../../dist', import.meta.url))

/** Names that only fault points have. Some of the points are words of the hub's own, too. */
const TRACES = [FAULT_PATH, ...FAULT_POINTS.filter((point) => point.includes('-'))]

/** The traces in the scripts below a folder, and how many scripts there are. */
async function tracesIn(folder: string): Promise<{ scripts: number; traces: string[] }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() && /\.(js|ts|map)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
  const found = new Set<string>()
  for (const path of paths) {
    const text = await readFile(path, 'utf8')
    for (const trace of TRACES) if (text.includes(trace)) found.add(trace)
  }
  return { scripts: paths.length, traces: [...found].sort() }
}

test('fault points are in the page that tests build, and no trace of them in the package and the app', async () => {
  expect((await tracesIn(MATRIX_PAGE)).traces).toEqual([...TRACES].sort())
  for (const published of ['src', 'sw', 'app']) {
    const { scripts, traces } = await tracesIn(join(DIST, published))
    expect(scripts, `scripts in dist/${published}`).toBeGreaterThan(0)
    expect(traces).toEqual([])
  }
})
