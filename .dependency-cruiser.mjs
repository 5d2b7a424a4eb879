// The rooms, and who may import whom. A dependency that no rule below allows is an error.

/** @type {Record<string, string[]>} */
const ARROWS = {
  protocol: [],
  liveness: ['protocol'],
  store: ['protocol'],
  dialects: ['protocol'],
  upstream: ['protocol', 'dialects'],
  hub: ['protocol', 'liveness', 'store', 'upstream', 'dialects'],
  client: ['protocol', 'liveness', 'dialects'],
  bindings: ['client', 'protocol'],
  adapters: ['client', 'protocol'],
  server: ['protocol', 'dialects'],
  cli: ['server', 'upstream', 'protocol'],
}

const INDEX = '/index\\.ts$'
const NPM = { dependencyTypes: ['npm', 'npm-dev'] }

/** Rooms that reach for nothing but themselves: pure data and functions. */
const PURE = ['protocol']
/** Rooms that run under Node. */
const NODE = ['server', 'cli']

const roomRules = Object.entries(ARROWS).flatMap(([room, others]) => {
  const from = { path: `^src/${room}/` }
  const rooms = [room, ...others].join('|')
  return [
    { from, to: { path: `^src/(?:${rooms})/`, pathNot: INDEX } },
    ...(PURE.includes(room) ? [] : [{ from, to: { dependencyTypes: ['npm'] } }]),
    ...(NODE.includes(room) ? [{ from, to: { dependencyTypes: ['core'] } }] : []),
  ]
})

export default {
  allowed: [
    ...roomRules,
    // The public face alone is an index; it names what the room's files export.
    { from: { path: '^src/client/(?:start-hub|other-tiers)\\.ts$' }, to: { path: '^sw/' } },
    { from: { path: '^sw/' }, to: { path: '^(?:sw|src/(?:hub|protocol))/', pathNot: INDEX } },
    { from: { path: '^sw/' }, to: NPM },
    // The app uses the package as any user would: by its name.
    { from: { path: '^src/app/' }, to: { path: '^src/app/' } },
    { from: { path: '^src/app/' }, to: { path: '^src/client/index\\.ts$', dependencyTypes: ['aliased'] } },
    { from: { path: '^src/app/' }, to: NPM },
    // What is not shipped may look at everything.
    { from: { path: '^(?:test|scripts|bin|[^/]+$)' }, to: {} },
  ],
  allowedSeverity: 'error',
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'nothing-unresolvable', severity: 'error', from: { path: '^(?:src|sw)/' }, to: { couldNotResolve: true } },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      from: { path: '^(?:src|sw)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Folders may have a package.json of their own that lists nothing.
    combinedDependencies: true,
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.page.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
}
