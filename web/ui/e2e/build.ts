import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Builds the test server and culprit itself once for all files. */
export default function setup(): () => void {
  const dir = mkdtempSync(join(tmpdir(), 'culprit-e2e-'))
  for (const [name, pkg] of [['CULPRIT_E2E_SERVE', './web/webtest/serve'], ['CULPRIT_E2E_CULPRIT', './cmd/culprit']] as const) {
    const bin = join(dir, name.toLowerCase())
    execFileSync('go', ['build', '-o', bin, pkg], { cwd: fileURLToPath(new URL('../../..', import.meta.url)), stdio: 'inherit' })
    process.env[name] = bin
  }
  return () => rmSync(dir, { recursive: true, force: true })
}
