// @ts-check
// Finds a Chromium for the tests and the benchmark on any machine, and installs one where that can be done without asking.
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Names an installed Chromium or Chrome goes by on the PATH, the free one first. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

const USUAL_PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ...['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((name) => {
    const folder = process.env[name]
    return folder === undefined ? [] : [join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe')]
  }),
]

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param {string} name */
function onPath(name) {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name)
    if (folder !== '' && isExecutable(path)) return path
  }
  return null
}

/**
 * The browser that is there, or `null`.
 *
 * @returns {Promise<string | null>}
 * @throws {Error} where `HEADWATER_CHROMIUM` names something that cannot be run: a wrong setting is never papered over.
 */
export async function findChromium() {
  const named = process.env['HEADWATER_CHROMIUM']
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named
    throw new Error(`HEADWATER_CHROMIUM is set to "${named}", which cannot be run. Correct it, or unset it.`)
  }
  const { chromium } = await import('playwright')
  const own = chromium.executablePath()
  if (own !== '' && isExecutable(own)) return own
  for (const name of NAMES) {
    const path = onPath(name)
    if (path !== null) return path
  }
  return USUAL_PLACES.find(isExecutable) ?? null
}

/** Names an installed Firefox goes by on the PATH. */
const FIREFOX_NAMES = ['firefox-esr', 'firefox']

const FIREFOX_PLACES = [
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  ...['PROGRAMFILES', 'PROGRAMFILES(X86)'].flatMap((name) => {
    const folder = process.env[name]
    return folder === undefined ? [] : [join(folder, 'Mozilla Firefox', 'firefox.exe')]
  }),
]

/**
 * The Firefox that is there, or `null`. Never Playwright's own: the tests drive the one that people have.
 *
 * @returns {string | null}
 * @throws {Error} where `HEADWATER_FIREFOX` names something that cannot be run.
 */
export function findFirefox() {
  const named = process.env['HEADWATER_FIREFOX']
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named
    throw new Error(`HEADWATER_FIREFOX is set to "${named}", which cannot be run. Correct it, or unset it.`)
  }
  for (const name of FIREFOX_NAMES) {
    const path = onPath(name)
    if (path !== null) return path
  }
  return FIREFOX_PLACES.find(isExecutable) ?? null
}

/**
 * What the smoke test of WebKit runs: Debian's WebKitWebDriver, under Xvfb. `null` where either is missing.
 *
 * @returns {string | null}
 */
export function findWebKit() {
  return onPath('xvfb-run') === null ? null : onPath('WebKitWebDriver')
}

/** Debian's package, where we are allowed to: as root, with apt. */
function installByApt() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || onPath('apt-get') === null) return
  console.log('No browser found: installing the package "chromium" with apt-get.')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    // Its output names the machine's mirrors, which is nobody's business: shown only as success or failure.
    const { status } = spawnSync('apt-get', args, { env, stdio: 'ignore' })
    if (status !== 0) console.log(`apt-get ${args[0]} failed (status ${status}).`)
  }
}

/** Playwright's own download. Unreachable on some machines, so bounded in time, and a failure is no error yet. */
function installByPlaywright() {
  console.log('No browser found: trying "npx playwright install chromium".')
  const { status } = spawnSync('npx', ['playwright', 'install', 'chromium'], { stdio: 'ignore', timeout: 180_000 })
  if (status !== 0) console.log('That did not work.')
}

/**
 * The browser that is there, else one that was installed just now.
 *
 * @returns {Promise<string>}
 * @throws {Error} with the commands that help, where there is none and none can be installed.
 */
export async function ensureChromium() {
  const found = await findChromium()
  if (found !== null) return found
  for (const install of [installByPlaywright, installByApt]) {
    install()
    const installed = await findChromium()
    if (installed !== null) return installed
  }
  throw new Error(
    'The browser tests need Chromium or Chrome, and none was found.\n' +
      '  Debian, Ubuntu:  sudo apt-get install chromium\n' +
      '  macOS:           brew install --cask google-chrome\n' +
      '  anywhere:        npx playwright install chromium\n' +
      'or set HEADWATER_CHROMIUM to the path of one.',
  )
}

/** What a Chromium must be told: it refuses to run sandboxed as root, as containers do. */
export function chromiumArgs() {
  return process.getuid?.() === 0 ? ['--no-sandbox'] : []
}

/**
 * What a browser says of its version.
 *
 * @param {string} path
 */
export function browserVersion(path) {
  return execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}
