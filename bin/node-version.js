// Syntax that old versions of Node can parse, so that they get to the message instead of a SyntaxError.
var OLDEST = 20

/** Ends the process with a clear message where Node is too old. */
export function requireNode() {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST) return
  console.error(
    'Headwater needs Node ' +
      OLDEST +
      ' or newer; this is ' +
      process.version +
      '.\nInstall a newer one from https://nodejs.org and try again.',
  )
  process.exit(1)
}
