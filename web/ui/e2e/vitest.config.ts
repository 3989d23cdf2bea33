import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Browser tests: the committed build in the real server (over webtest's recorded
// morning, and in culprit demo), driven with Debian's Chromium. `npm run screenshots`
// makes the README's pictures the same way.
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: { include: process.env.CULPRIT_SCREENSHOTS ? ['screenshots.ts'] : ['*.e2e.ts'], environment: 'node', fileParallelism: false, testTimeout: 30_000, hookTimeout: 120_000, globalSetup: ['./build.ts'] },
})
