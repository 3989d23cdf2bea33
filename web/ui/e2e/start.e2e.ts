import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { site } from './site'

describe('first run', () => {
  const s = site('-empty')
  it('says what was looked for and what to do', async () => {
    const p = await s.page()
    await p.goto(s.base)
    await p.getByText('No nginx log found yet').waitFor()
    expect(await p.locator('.cmd').textContent()).toContain('culprit import')
    await p.goto(`${s.base}/search`)
    await p.getByText('No record in this range').waitFor()
    await p.goto(`${s.base}/incidents`)
    await p.getByText('No incident is known').waitFor()
    await p.goto(`${s.base}/sources`)
    await p.getByText('Nothing is read yet').waitFor()
  })
})

describe('with a token', () => {
  const dir = mkdtempSync(join(tmpdir(), 'culprit-token-'))
  const file = join(dir, 'token')
  const s = site('-token', file)
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  it('asks for it, refuses a wrong one, and stays signed in', async () => {
    const p = await s.page()
    await p.goto(`${s.base}/incidents`)
    await p.getByLabel('Token').fill('not-the-token-at-all')
    await p.getByRole('button', { name: 'Sign in' }).click()
    await p.getByText('This is not the token.').waitFor()
    await p.getByLabel('Token').fill(readFileSync(file, 'utf8').trim())
    await p.getByRole('button', { name: 'Sign in' }).click()
    await p.locator('.past li').nth(1).waitFor()
    await p.reload()
    await p.locator('.past li').nth(1).waitFor()
    expect(await p.evaluate(() => document.cookie)).toBe('') // HttpOnly
  })
})
