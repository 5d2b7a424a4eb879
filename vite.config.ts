import { resolve } from 'node:path'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'

const server = process.env['HEADWATER_URL'] ?? 'http://127.0.0.1:4437'

// The application alone; the library is built by its own script. Imports of `headwater` are what a user of the package would write.
// src/app/package.json is there for the bundler: the package's modules have no side effects, but importing an element of the app defines it.
export default defineConfig({
  root: resolve(import.meta.dirname, 'src/app'),
  publicDir: resolve(import.meta.dirname, 'public'),
  resolve: { alias: { headwater: resolve(import.meta.dirname, 'src/client/index.ts') } },
  build: {
    outDir: resolve(import.meta.dirname, 'dist/app'),
    emptyOutDir: true,
    target: 'es2022',
    // Strict content security policy: no data: URLs, no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: {
    format: 'es',
    // A folder of their own: the service worker keeps the hub scripts of earlier releases by it (sw/routes.ts).
    rolldownOptions: { output: { entryFileNames: 'hub/[name]-[hash].js', chunkFileNames: 'hub/[name]-[hash].js' } },
  },
  server: {
    proxy: {
      // The server refuses foreign origins; to it the development server is none.
      '/v1': { target: server, changeOrigin: true, headers: { origin: server } },
    },
  },
  plugins: [
    VitePWA({
      strategies: 'injectManifest',
      srcDir: '../../sw',
      filename: 'service-worker.ts',
      // main.ts registers by workbox-window, and the manifest is a file in public/.
      injectRegister: false,
      manifest: false,
      injectManifest: {
        // Not the manifest: it would be listed twice with different revisions.
        globPatterns: ['**/*.{js,css,html,svg,png,woff2}'],
        globIgnores: ['screenshots/**'],
        target: 'es2022',
      },
    }),
  ],
})
