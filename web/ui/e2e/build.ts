import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Builds the test server once for all files. */
export default function setup(): () => void {
  const dir = mkdtempSync(join(tmpdir(), 'culprit-e2e-'))
  const bin = join(dir, 'serve')
  execFileSync('go', ['build', '-o', bin, './web/webtest/serve'], { cwd: fileURLToPath(new URL('../../..', import.meta.url)), stdio: 'inherit' })
  process.env.CULPRIT_E2E_SERVE = bin
  return () => rmSync(dir, { recursive: true, force: true })
}
