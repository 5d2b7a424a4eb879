/** What the library costs a page: the hub's scripts are fetched by the worker, or by the page only where there is none. */
const EXTERNAL = ['*/sw/*']

export default [
  {
    name: 'page bundle of the library, Comlink included',
    path: 'src/client/index.ts',
    limit: '8 kB',
    gzip: true,
    modifyEsbuildConfig: (config) => ({ ...config, external: EXTERNAL, format: 'esm' }),
  },
  { name: 'hub worker (reported)', path: 'sw/hub-worker.ts', gzip: true },
  { name: 'service worker (reported)', path: 'sw/service-worker.ts', gzip: true },
]
