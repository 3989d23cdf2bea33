import { readFileSync } from 'node:fs'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { demo, until } from './site'

// culprit demo as a reader has it: the binary, a store on disk, the examples as they
// are imported, the real API. What the pages must never do, site.ts watches.
const s = demo()

interface Found { records: { source: string; seq: number; text: string }[]; total: number }
const ask = async (q: string): Promise<Found> => (await (await fetch(`${s.base}/api/search?limit=5&q=${encodeURIComponent(q)}`)).json()) as Found
const incident = async (service: string): Promise<string> => {
  const { incidents } = (await (await fetch(`${s.base}/api/incidents`)).json()) as { incidents: { id: string; service: string }[] }
  return incidents.find((i) => i.service === service)!.id
}
const clipboard = (p: Page) => p.evaluate(() => navigator.clipboard.readText())

describe('from home to the bytes and back', () => {
  it('home tells the state of every upstream and the last incident', async () => {
    const p = await s.page()
    await p.goto(s.base)
    await p.getByRole('heading', { level: 1, name: 'Everything serves' }).waitFor()
    const rows = p.locator('.up:not(.head)')
    await until(async () => rows.count(), (n) => n === 6)
    expect(await rows.filter({ hasText: '127.0.0.1:3300' }).textContent()).toMatch(/ledger.*Serving.*262.*1 incident/s)
    // Who serves it is not known, but nginx has a name for it, and its access log says that it answers.
    expect(await rows.filter({ hasText: '127.0.0.1:5001' }).textContent()).toMatch(/reports_pool.*2 servers.*:5002.*Serving.*112 requests, no incident/s)
    expect(await rows.filter({ hasText: '127.0.0.1:6000' }).textContent()).toMatch(/admin\.example\.com.*Not seen.*nothing in the logs about it/s)
    expect(await p.locator('.lately').textContent()).toMatch(/ledger was killed for its memory.*262.*failed, all with 502/s)
    expect(await p.locator('.past li:not(.head)').count()).toBe(2)
    await p.getByRole('link', { name: 'Open incident' }).click()
    await p.getByRole('heading', { level: 1, name: /module \.\/config\/app\.module was not found/ }).waitFor()
  })
  it('the incident gives the answer, the chain to scale, and a line for each step', async () => {
    const p = await s.page({ timezoneId: 'Asia/Tokyo' })
    await p.goto(`${s.base}/incidents/${await incident('ledger')}`)
    const boxes = p.locator('.box')
    await until(async () => boxes.count(), (n) => n === 3)
    expect(await boxes.nth(0).textContent()).toMatch(/A deploy touched ledger.*reset: moving to release-2\.3\.1/s)
    expect(await boxes.nth(1).textContent()).toMatch(/17:48:01\.783.*could not start.*17:47:56.*memory-guard.*17:48:21.*gave up.*Cannot find module/s)
    expect(await boxes.nth(2).textContent()).toMatch(/Closed early.*1.*Refused 111.*261/s)
    const svg = p.locator('.tl-main svg')
    for (const t of ['reset: moving to release-2.3.1', 'over its memory limit +2', 'cannot find a module', 'given up', '261 refused', '1 closed early', 'No reading after 17:47:54']) await svg.getByText(t, { exact: true }).waitFor()
    // The numbers stand beside the marks of their steps, once each.
    const numbers = await svg.locator('text').evaluateAll((l) => l.filter((e) => /^[123]$/.test(e.textContent ?? '')).map((e) => e.textContent))
    expect(numbers.sort()).toEqual(['1', '2', '3'])
    expect(await p.locator('.ev > li .h b').allTextContents()).toEqual(['Deploy', 'Over its limit', 'Ended by SIGKILL', 'Last words', 'Exited with 1', 'Given up', 'First refusal', 'First closed early'])
    await p.getByRole('button', { name: 'How it adds up' }).click()
    expect(await p.locator('#sum').textContent()).toMatch(/\+4.*\+3.*7/s)
    expect(await p.locator('.side').textContent()).toMatch(/createRequire.*The kernel.s out-of-memory killer/s)
  })
  it('a kill by the kernel: the mark, its line, and the memory that rose', async () => {
    const p = await s.page()
    await p.goto(`${s.base}/incidents/${await incident('shop-api')}`)
    await p.getByRole('button', { name: /2\. .*Killed pid 232/ }).click()
    await p.locator('.tip', { hasText: 'Memory cgroup out of memory: Killed process 232' }).waitFor()
    expect(await p.locator('.ev > li').filter({ hasText: 'Killed process 232' }).locator('.dot3').textContent()).toBe('2')
    await p.locator('.tl-main svg').getByText('MemoryMax 300M = 315 MB').waitFor()
    await p.getByText('It was on its way to happen again.').waitFor()
    await p.reload()
    await p.locator('.tip', { hasText: 'Killed process 232' }).waitFor()
  })
  it('evidence leads to its record and its surroundings, though its log writes no times, and back', async () => {
    const p = await s.page({ timezoneId: 'Asia/Tokyo' })
    const id = await incident('ledger')
    await p.goto(`${s.base}/incidents/${id}`)
    const item = p.locator('.ev > li', { hasText: 'Last words' })
    expect(await item.locator('time').textContent()).toBe('about 17:48:01.783')
    await item.getByRole('button', { name: 'Surroundings' }).click()
    await item.locator('.surr .hit', { hasText: 'Cannot find module' }).waitFor()
    // Three logs hold the exit; it is one line here.
    expect((await item.locator('.surr').textContent())!.split('exited: ledger (exit status 1; not expected)').length).toBe(2)
    await item.getByRole('link').click()
    await p.waitForURL(/\/records\/latent-deploy%2Fapps%2Fledger%2Fledger\.err\.log\/\d+$/)
    await p.getByRole('button', { name: /4 frames in node:internal folded/ }).click()
    await p.getByText('at Module._resolveFilename').waitFor()
    await p.locator('.ctx .here').waitFor()
    expect(await p.locator('.ctx').textContent()).toMatch(/exit status 1.*Cannot find module.*spawned: 'ledger'/s)
    await p.locator('.ctx a', { hasText: 'exited: ledger (exit status 1' }).first().click()
    await p.waitForURL(/supervisord\.log/)
    await p.getByText('WARN exited: ledger (exit status 1; not expected)').first().waitFor()
    await p.getByRole('link', { name: 'To its incident' }).click()
    await p.waitForURL(new RegExp(id))
    await p.goBack()
    await p.goBack()
    await p.waitForURL(/ledger\.err\.log/)
  })
  it('a record of which nothing says the time is shown among its own', async () => {
    const p = await s.page()
    const crashes = (await ask('kind:module_not_found')).records.sort((a, b) => a.seq - b.seq)
    expect(crashes.length).toBe(4)
    await p.goto(`${s.base}/records/${encodeURIComponent(crashes[3]!.source)}/${crashes[3]!.seq}`)
    await p.getByRole('heading', { level: 1, name: 'ledger, no time' }).waitFor()
    await until(async () => p.locator('.ctx li').count(), (n) => n === 4)
    expect(await p.locator('.ctx li').last().getAttribute('aria-current')).toBe('true')
  })
})

describe('search', () => {
  const histogram = '.hist svg.over'
  it('finds by facet and brush, and the address brings the same back', async () => {
    const p = await s.page({ viewport: { width: 1440, height: 900 } })
    await p.goto(`${s.base}/search`)
    // Records without a time do not take the histogram away.
    await p.locator(histogram).waitFor()
    await p.locator('.facet', { hasText: 'Severity' }).getByRole('button', { name: /^error/ }).click()
    await until(async () => new URL(p.url()).searchParams.get('q'), (q) => q === 'severity:error')
    await p.locator('.facet', { hasText: 'Source' }).getByRole('button', { name: /^error\.log/ }).first().click()
    const whole = (await ask(new URL(p.url()).searchParams.get('q')!)).total
    await until(async () => Number(await p.locator('.qmeta b').first().textContent()), (n) => n === whole)
    // The bars lie at one end: brush over all of the other half, then over them.
    const b = (await p.locator(histogram).boundingBox())!
    await p.mouse.move(b.x + b.width * 0.2, b.y + 40)
    await p.mouse.down()
    await p.mouse.move(b.x + b.width - 2, b.y + 50, { steps: 4 })
    await p.mouse.up()
    await until(async () => new URL(p.url()).searchParams.get('since'), (v) => v !== null)
    const some = await until(async () => Number(await p.locator('.qmeta b').first().textContent()), (n) => n > 0 && n < whole)
    await p.reload()
    await until(async () => Number(await p.locator('.qmeta b').first().textContent()), (n) => n === some)
    expect(await p.getByRole('combobox', { name: 'Query' }).inputValue()).toContain('severity:error')
    await p.goBack()
    await until(async () => Number(await p.locator('.qmeta b').first().textContent()), (n) => n === whole)
  })
  it('opens a record with its trace folded and its surroundings beside it, after a reload too', async () => {
    const p = await s.page({ viewport: { width: 1440, height: 900 } })
    await p.goto(`${s.base}/search?q=kind:module_not_found`)
    await p.locator('.r1').first().click()
    await p.getByRole('button', { name: /^Surroundings/ }).click()
    await p.locator('.s-right .here').waitFor()
    expect(await p.locator('.s-right').textContent()).toMatch(/exited: ledger.*also in .*not in your query/s)
    await p.reload()
    await p.locator('.s-right .here').waitFor()
    await p.getByRole('button', { name: /4 frames in node:internal folded/ }).waitFor()
    await p.getByRole('button', { name: 'Copy the raw record' }).click()
    await until(async () => clipboard(p), (t) => t.startsWith('node:internal/modules/cjs/loader') && t.includes("at Module._resolveFilename") && t.endsWith('Node.js v20.20.2'))
  })
  it('takes the word that loggers use for severity', async () => {
    const p = await s.page()
    await p.goto(`${s.base}/search?q=level:error`)
    const n = (await ask('severity:error')).total
    await until(async () => Number(await p.locator('.qmeta b').first().textContent()), (k) => k === n && k > 0)
  })
  it('says what is wrong with a query that comes by link', async () => {
    const p = await s.page()
    await p.goto(`${s.base}/search?q=pid:%3E%3Dx`)
    await p.getByRole('alert').getByText(/column 5: pid takes a number/).waitFor()
    await p.getByRole('button', { name: 'All records' }).click()
    await p.locator('.r1').first().waitFor()
  })
})

describe('report', () => {
  it('exports what it shows, clients hidden and counted, as one file without an address of another', async () => {
    const p = await s.page()
    const id = await incident('ledger')
    await p.goto(`${s.base}/incidents/${id}/report`)
    const frame = p.frameLocator('iframe.preview')
    await frame.getByText('Redacted in').waitFor()
    expect(await frame.locator('body').textContent()).not.toContain('203.0.113.137')
    const saved = async (name: string, file: string) => {
      const [d] = await Promise.all([p.waitForEvent('download'), p.getByRole('link', { name, exact: true }).click()])
      expect(d.suggestedFilename()).toBe(file)
      return readFileSync(await d.path(), 'utf8')
    }
    const md = await saved('Markdown', `incident-${id}.md`)
    for (const part of ['# ledger was killed for its memory', 'moving to release-2.3.1', 'Cannot find module', 'TODO(human)', 'createRequire']) expect(md).toContain(part)
    const html = await saved('HTML, one file', `incident-${id}.html`)
    expect(html).toMatch(/^<!doctype html>/i)
    expect(html).toContain('<svg')
    expect(html).toContain('@media print')
    expect(html).not.toMatch(/<script|\ssrc=|<link/i)
    expect(md + html).not.toContain('203.0.113.137')
    const data = JSON.parse(await saved('JSON', `incident-${id}.json`)) as unknown
    expect(JSON.stringify(data)).toContain('module_not_found')
  })
})

describe.each(['light', 'dark'] as const)('axe in %s', (colorScheme) => {
  it.each<[string, () => Promise<string>]>([
    ['home', async () => '/'],
    ['incident', async () => `/incidents/${await incident('ledger')}`],
    ['search', async () => '/search?q=service:ledger'],
    ['record without a time', async () => {
      const r = (await ask('kind:module_not_found')).records[0]!
      return `/records/${encodeURIComponent(r.source)}/${r.seq}`
    }],
  ])('%s', async (_, path) => {
    const p = await s.page({ colorScheme })
    await p.goto(s.base + (await path()))
    await p.locator('.up, .tl-main svg, .r1, .ctx .here').first().waitFor()
    const found = await new AxeBuilder({ page: p }).setLegacyMode().analyze()
    expect(found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`)).toEqual([])
  })
})

it('all of it by keyboard: home, incident, mark, record, report', async () => {
  const p = await s.page({ viewport: { width: 1440, height: 900 } })
  await p.goto(s.base)
  await p.getByRole('heading', { level: 1 }).waitFor()
  await p.keyboard.press('Control+k')
  await p.keyboard.type('ledger killed')
  await p.keyboard.press('Enter')
  await p.waitForURL(/\/incidents\/2026/)
  await p.locator('.targets button').first().waitFor({ state: 'attached' })
  // Along the cause: the deploy, then what broke.
  const causal = p.locator('.targets button[tabindex="0"]')
  await causal.first().focus()
  const seen: string[] = []
  for (let i = 0; i < (await causal.count()); i++) {
    seen.push((await p.evaluate(() => document.activeElement?.getAttribute('aria-label'))) ?? '')
    await p.keyboard.press('Tab')
  }
  expect(seen.map((l) => l[0]).join('')).toMatch(/^1+2+3+$/)
  expect(seen.some((l) => /Cannot find a module/.test(l))).toBe(true)
  await causal.nth(seen.findIndex((l) => /Cannot find a module/.test(l))).focus()
  await p.keyboard.press('p')
  await until(async () => new URL(p.url()).hash, (h) => h !== '')
  const range = await p.locator('.tl-bar b').textContent()
  await p.keyboard.press('+')
  await until(async () => p.locator('.tl-bar b').textContent(), (r) => r !== range)
  await p.keyboard.press('0')
  await until(async () => p.locator('.tl-bar b').textContent(), (r) => r === range)
  await p.keyboard.press('c')
  await until(async () => clipboard(p), (t) => t.includes("Cannot find module './config/app.module'"))
  await p.keyboard.press('Escape')
  await until(async () => new URL(p.url()).hash, (h) => h === '')
  await p.keyboard.press('k')
  await p.getByRole('heading', { level: 1, name: /shop-api/ }).waitFor()
  await p.keyboard.press('j')
  await p.getByRole('heading', { level: 1, name: /ledger/ }).waitFor()
  await p.keyboard.press('/')
  await p.waitForURL(/\/search/)
  await p.locator('.r1').first().waitFor()
  await p.keyboard.press('/')
  await p.keyboard.type('kind:fatal')
  await p.keyboard.press('Enter')
  await until(async () => p.locator('.r1').allTextContents(), (l) => l.length > 0 && l.every((t) => /gave up/.test(t)))
  await p.keyboard.press('Escape')
  await p.keyboard.press('g')
  await p.keyboard.press('g')
  await p.keyboard.press('Enter')
  await p.locator('.stack').waitFor()
  await p.keyboard.press('s')
  await p.locator('.s-right .here').waitFor()
  await p.keyboard.press('Escape')
  await p.keyboard.press('Escape')
  await p.locator('.stack').waitFor({ state: 'detached' })
  await p.keyboard.press('z')
  await p.keyboard.press('g')
  await p.keyboard.press('h')
  await p.getByRole('heading', { level: 1, name: 'Everything serves' }).waitFor()
  await p.keyboard.press('?')
  await p.getByRole('dialog', { name: 'Keyboard' }).waitFor()
})
