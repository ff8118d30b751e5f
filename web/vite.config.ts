import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { csp_file } from './tools/csp';

// `npm run dev` talks to a real server or to the mock; both listen here unless API says otherwise.
const api = process.env.API ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), csp_file()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    // Everything under /assets carries its hash and may be cached for ever; nothing is inlined, so the CSP stays short.
    assetsInlineLimit: 0,
    sourcemap: false,
    chunkSizeWarningLimit: 1500,
  },
  server: { proxy: { '/api': api } },
  test: { include: ['test/**/*.test.ts'], environment: 'node', pool: 'threads', poolOptions: { threads: { maxThreads: 1, minThreads: 1 } } },
});
