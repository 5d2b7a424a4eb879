#!/usr/bin/env node
// The `headwater` command. Old syntax here too: see node-version.js.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { requireNode } from './node-version.js'

requireNode()

var build = new URL('../scripts/build.mjs', import.meta.url)

/** In a checkout the sources stand beside the build and may be newer; the published package has the build alone. */
function prepare() {
  if (!existsSync(fileURLToPath(build))) return Promise.resolve()
  return import(build.href).then(function (module) {
    // `serve` shows the app; no other command needs it.
    return module.buildOutdated({ parts: process.argv[2] === 'serve' ? ['library', 'app'] : ['library'] })
  })
}

prepare()
  .then(function () {
    return import(new URL('../dist/src/cli/main.js', import.meta.url).href)
  })
  .catch(function (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  })
