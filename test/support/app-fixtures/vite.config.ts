import { resolve } from 'node:path'
import { defineConfig } from 'vite'

const root = resolve(import.meta.dirname, '../../..')

// The app's elements on a fake hub, so that every screen and state can be looked at without a server.
export default defineConfig({
  root: import.meta.dirname,
  publicDir: resolve(root, 'public'),
  cacheDir: resolve(root, 'node_modules/.vite-fixtures'),
  resolve: {
    alias: {
      headwater: resolve(root, 'src/client/index.ts'),
      '/@app': resolve(root, 'src/app'),
    },
  },
  server: { host: '127.0.0.1', port: 0, hmr: false, fs: { allow: [root] } },
  logLevel: 'warn',
})
