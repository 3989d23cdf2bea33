import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { MODULE, OOM, site, until } from './site'

const s = site('-at', 'outage')

const pages: [string, string, ((p: Page) => Promise<unknown>)?][] = [
  ['home', '/'],
  ['incidents', '/incidents'],
  ['incident, over', `/incidents/${OOM}`, (p) => p.getByRole('button', { name: 'How it adds up' }).click()],
  ['incident, open, a mark pinned', `/incidents/${MODULE}`, (p) => p.getByRole('button', { name: /Cannot find/ }).first().click()],
  ['search', '/search', (p) => p.locator('.r1').last().waitFor()],
  ['search, record open', '/search?q=kind:module_not_found&side=1', async (p) => {
    await p.locator('.r1').first().click()
    await p.getByRole('button', { name: /^Surroundings/ }).click()
    await p.locator('.ctx .here').waitFor()
  }],
  ['search, nothing', '/search?q=zebra+giraffe'],
  ['record', `/records/journal/1`, undefined],
  ['sources', '/sources'],
  ['report', `/incidents/${OOM}/report`, (p) => p.frameLocator('iframe.preview').locator('h1').first().waitFor()],
  ['palette', '/', (p) => p.keyboard.press('Control+k')],
  ['keyboard help', '/', (p) => p.keyboard.press('?')],
]

describe.each(['light', 'dark'] as const)('axe in %s', (colorScheme) => {
  it.each(pages)('%s', async (name, path, act) => {
    const p = await s.page({ colorScheme })
    let target = path
    if (name === 'record') {
      const r = (await (await fetch(`${s.base}/api/search?q=kind:module_not_found&limit=1`)).json()) as { records: { source: string; seq: number }[] }
      target = `/records/${r.records[0]!.source}/${r.records[0]!.seq}`
    }
    await p.goto(s.base + target)
    await p.locator('h1, h3').first().waitFor({ state: 'attached' })
    await p.waitForLoadState('load')
    await act?.(p)
    const found = await new AxeBuilder({ page: p }).setLegacyMode().analyze()
    expect(found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary?.split('\n')[1] ?? ''}`).join(' | ')}`)).toEqual([])
  })
  it.each([['home', '/'], ['incident', `/incidents/${OOM}`], ['search', '/search'], ['sources', '/sources']])('%s on a phone', async (_, path) => {
    const p = await s.page({ colorScheme, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await p.goto(s.base + path)
    await p.locator('h1, h3').first().waitFor({ state: 'attached' })
    const found = await new AxeBuilder({ page: p }).setLegacyMode().analyze()
    expect(found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`)).toEqual([])
  })
})

describe('phone', () => {
  it.each([['home', '/'], ['incidents', '/incidents'], ['incident', `/incidents/${OOM}`], ['open incident', `/incidents/${MODULE}`], ['search', '/search?q=nginx'], ['sources', '/sources'], ['report', `/incidents/${OOM}/report`]])('%s does not scroll sideways, at 390 and 320', async (_, path) => {
    for (const width of [390, 320]) {
      const p = await s.page({ viewport: { width, height: 800 }, hasTouch: true, isMobile: true })
      await p.goto(s.base + path)
      await p.locator('h1, h3').first().waitFor({ state: 'attached' })
      await p.waitForLoadState('networkidle').catch(() => undefined)
      expect(await p.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    }
  })
  it('a tap pins a mark, its line shows as a sheet under the chart', async () => {
    const p = await s.page({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await p.goto(`${s.base}/incidents/${OOM}`)
    await p.getByRole('button', { name: /Killed pid 232/ }).tap()
    await p.locator('.tip.sheet', { hasText: 'Killed pid 232' }).waitFor()
  })
  it('tabs lead everywhere, controls are large enough to touch', async () => {
    const p = await s.page({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await p.goto(s.base)
    for (const [name, path] of [['Incidents', '/incidents'], ['Search', '/search'], ['More', '/sources'], ['Now', '/']] as const) {
      await p.locator('.tabbar').getByRole('link', { name }).tap()
      await p.waitForURL((u) => u.pathname === path)
    }
    const small = await p.locator('.btn:visible, .copy:visible, .tabbar a:visible, .seg button:visible').evaluateAll((l) => l.filter((e) => e.getBoundingClientRect().height < 39).map((e) => `${e.className}: ${e.textContent}`))
    expect(small).toEqual([])
  })
})

describe('keyboard only', () => {
  it('from home to the incident, along its marks, to a record and back', async () => {
    const p = await s.page()
    await p.goto(s.base)
    await p.getByRole('heading', { level: 1 }).waitFor()
    await p.keyboard.press('Tab')
    expect(await p.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content')
    await p.keyboard.press('g')
    await p.keyboard.press('i')
    await p.waitForURL(/\/incidents\/shop-api-20261122T072910/)
    await p.locator('.targets button').first().waitFor({ state: 'attached' })
    await p.keyboard.press('k')
    await p.waitForURL(new RegExp(OOM))
    await p.locator('.targets button').first().waitFor({ state: 'attached' })
    await p.keyboard.press(']')
    await p.locator('.tip').waitFor()
    const one = await p.locator('.tip .h').textContent()
    await p.keyboard.press(']')
    await until(async () => p.locator('.tip .h').textContent(), (t) => t !== one)
    await p.keyboard.press('p')
    expect(new URL(p.url()).hash).not.toBe('')
    await p.keyboard.press('+')
    await p.keyboard.press('Escape')
    await until(async () => new URL(p.url()).hash, (h) => h === '')
    await p.keyboard.press('a')
    await p.locator('#sum').waitFor()
    await p.keyboard.press('r')
    await p.waitForURL(/\/report$/)
    await p.goBack()
    await p.keyboard.press('?')
    await p.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    await p.keyboard.press('Escape')
    await p.getByRole('dialog').waitFor({ state: 'detached' })
  })
  it('Tab on the timeline follows the cause', async () => {
    const p = await s.page()
    await p.goto(`${s.base}/incidents/${OOM}`)
    await p.locator('.targets button').first().waitFor({ state: 'attached' })
    const order = await p.locator('.targets button[tabindex="0"]').evaluateAll((l) => l.map((b) => b.getAttribute('aria-label')?.[0]))
    expect(order.join('')).toMatch(/^1+2+3+$/)
    await p.locator('.targets button[tabindex="0"]').first().focus()
    await p.keyboard.press('Tab')
    expect(await p.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toContain('2. ')
  })
  it('walks rows, opens, looks around, and closes layer by layer', async () => {
    const p = await s.page({ viewport: { width: 1440, height: 900 } })
    await p.goto(`${s.base}/search?q=service:shop-api&since=2026-11-22T07:29:10Z&until=2026-11-22T07:29:40Z`)
    await p.locator('.r1').first().waitFor()
    await p.keyboard.press('g')
    await p.keyboard.press('g')
    await p.keyboard.press('e')
    expect(await p.evaluate(() => document.activeElement?.textContent)).toMatch(/Cannot find module/)
    await p.keyboard.press('Enter')
    await p.locator('.stack').waitFor()
    await p.keyboard.press('c')
    await until(async () => p.evaluate(() => navigator.clipboard.readText()), (t) => t.startsWith('node:internal/modules/cjs/loader:1210\n  throw err;'))
    await p.keyboard.press('s')
    await p.locator('.s-right .here').waitFor()
    await p.keyboard.press('Escape')
    await p.locator('.s-right').waitFor({ state: 'detached' })
    await p.keyboard.press('Escape')
    await p.locator('.stack').waitFor({ state: 'detached' })
  })
  it('the palette finds an incident, a search and a command', async () => {
    const p = await s.page()
    await p.goto(s.base)
    await p.getByRole('heading', { level: 1 }).waitFor()
    await p.keyboard.press('Control+k')
    await p.keyboard.type('killed kernel')
    await p.keyboard.press('Enter')
    await p.waitForURL(new RegExp(OOM))
    await p.keyboard.press('Control+k')
    await p.keyboard.type('ECONNRESET')
    await p.getByRole('option', { name: /Records with ECONNRESET all time/ }).waitFor()
    await p.keyboard.press('Enter')
    await p.waitForURL(/\/search\?q=ECONNRESET/)
  })
})

it('prints the incident without navigation', async () => {
  const p = await s.page()
  await p.goto(`${s.base}/incidents/${OOM}`)
  await p.locator('.tl-main svg').waitFor()
  await p.emulateMedia({ media: 'print' })
  expect(await p.locator('.top').isVisible()).toBe(false)
  expect(await p.locator('.ev').isVisible()).toBe(true)
  expect((await p.pdf({ format: 'A4' })).length).toBeGreaterThan(10_000)
})
