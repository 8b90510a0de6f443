import { gzipSync } from 'node:zlib'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const hub = process.env.KYMO_HUB ?? 'http://127.0.0.1:5966'

/** Writes each text file a second time, compressed: the hub serves it as it is. */
function gzip(): Plugin {
  let dir = ''
  return {
    name: 'gzip',
    apply: 'build',
    configResolved: (config) => void (dir = config.build.outDir),
    closeBundle() {
      for (const file of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (/\.(html|js|css|svg)$/.test(file)) {
          const path = join(dir, file)
          writeFileSync(path + '.gz', gzipSync(readFileSync(path), { level: 9 }))
        }
      }
    },
  }
}

export default defineConfig({
  plugins: [svelte(), gzip()],
  build: {
    outDir: '../internal/web/dist',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false }, // it would be the only need for more than our own script
    assetsInlineLimit: 0,
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  // Without it, specs get Svelte's code for servers, whose untrack tracks.
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: { environment: './src/testing/environment.ts', unstubGlobals: true },
  server: { proxy: { '/api': hub, '/metrics': hub, '/health': hub } },
})
