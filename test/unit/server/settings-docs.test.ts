import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NUMBERS, TEXTS, VARIABLES } from '../../../src/server/settings.ts'

const root = resolve(import.meta.dirname, '../../..')
const page = await readFile(join(root, 'docs/configuration.md'), 'utf8')
/** Cells of the tables, without the padding that makes them pretty. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim())) // prettier-ignore

describe('docs/configuration.md', () => {
  it.each(Object.entries({ ...NUMBERS, ...TEXTS }))(
    'tells %s as the server has it',
    (_, { flag, variable, help, shown }) => {
      expect(rows).toContainEqual([`\`--${flag}\``, `\`${variable}\``, help, shown])
    },
  )

  it.each(Object.entries(VARIABLES))('tells %s', (variable, help) => {
    expect(rows).toContainEqual([`\`${variable}\``, help])
  })

  it('tells every variable that server or command line read', async () => {
    const folders = ['src/server', 'src/server/models', 'src/cli']
    const files = await Promise.all(
      folders.map(async (folder) =>
        Promise.all(
          (await readdir(join(root, folder)))
            .filter((file) => file.endsWith('.ts'))
            .map((file) => readFile(join(root, folder, file), 'utf8')),
        ),
      ),
    )
    const read = files
      .flat()
      .flatMap((text) => [...text.matchAll(/\benv\['([A-Z_]+)'\]/g)].map(([, name]) => name ?? ''))
    // Of the system, not ours: where homes are, and who wants no colour.
    const foreign = ['HOME', 'LOCALAPPDATA', 'XDG_DATA_HOME']
    const untold = [...new Set(read)].filter((name) => !foreign.includes(name) && !page.includes(`\`${name}\``))
    expect(untold).toEqual([])
  })

  it('tells nothing that is not there', () => {
    const known = new Set([...Object.values({ ...NUMBERS, ...TEXTS }).map(({ flag }) => `\`--${flag}\``)])
    expect(rows.map(([first]) => first ?? '').filter((first) => first.startsWith('`--') && !known.has(first))).toEqual(
      [],
    )
  })
})
