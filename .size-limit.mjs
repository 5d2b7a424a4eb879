/** Leaves out what a page fetches only when it needs it: the hub in the page, and what builds texts and parts. */
const withoutLazy = {
  name: 'without-lazy',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, kind }) => (kind === 'dynamic-import' ? { path, external: true } : null))
  },
}

/** Leaves out the hub in the page alone, which is fetched only where no worker can be shared. */
const withoutHub = {
  name: 'without-hub',
  setup(build) {
    build.onResolve({ filter: /\/sw\/[\w-]+\.ts$/ }, ({ path }) => ({ path, external: true }))
  },
}

const withPlugin = (plugin) => (config) => ({ ...config, format: 'esm', plugins: [...(config.plugins ?? []), plugin] })

export default [
  {
    name: 'page bundle of the library, Comlink included',
    path: 'src/client/index.ts',
    limit: '8 kB',
    modifyEsbuildConfig: withPlugin(withoutLazy),
  },
  {
    name: 'with what builds texts and parts',
    path: 'src/client/index.ts',
    modifyEsbuildConfig: withPlugin(withoutHub),
  },
  { name: 'hub worker', path: 'sw/hub-worker.ts' },
  { name: 'service worker', path: 'sw/service-worker.ts' },
]
