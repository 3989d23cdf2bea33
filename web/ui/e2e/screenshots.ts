// The pictures of README.md, of culprit demo, into docs/screenshots: make screenshots.
import { mkdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { demo } from './site'

const s = demo()
const dir = fileURLToPath(new URL('../../../docs/screenshots/', import.meta.url))
mkdirSync(dir, { recursive: true })

const desk = { viewport: { width: 1280, height: 860 } }
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }

/** toTimeline is how high the page is down to the end of the timeline. */
async function toTimeline(p: Page): Promise<number> {
  await p.locator('.tl-main svg').waitFor()
  return p.locator('.tl').evaluate((e) => Math.ceil(e.getBoundingClientRect().bottom + scrollY) + 24)
}

type Shot = [name: string, path: (id: string) => string, options: BrowserContextOptions, act?: (p: Page) => Promise<number | void>]

it.each<Shot>([
  ['home', () => '/', desk, async (p) => void (await p.locator('.up').nth(3).waitFor())],
  ['incident', (id) => `/incidents/${id}`, desk, toTimeline],
  ['incident-dark', (id) => `/incidents/${id}`, { ...desk, colorScheme: 'dark' }, toTimeline],
  ['search', () => '/search?q=service:ledger+-kind:app_log', { viewport: { width: 1440, height: 820 } }, async (p) => {
    await p.locator('.r1', { hasText: 'Cannot find module' }).first().click()
    await p.getByRole('button', { name: /^Surroundings/ }).click()
    await p.locator('.s-right .here').waitFor()
  }],
  ['report', (id) => `/incidents/${id}/report`, { viewport: { width: 1040, height: 1100 } }, async (p) => void (await p.frameLocator('iframe.preview').locator('svg').first().waitFor())],
  ['phone', (id) => `/incidents/${id}`, phone, async (p) => void (await p.locator('.tl-main svg').waitFor())],
])('%s', async (name, path, options, act) => {
  const list = (await (await fetch(`${s.base}/api/incidents`)).json()) as { incidents: { id: string; service: string }[] }
  const p = await s.page({ timezoneId: 'Asia/Tokyo', ...options })
  await p.goto(s.base + path(list.incidents.find((i) => i.service === 'ledger')!.id))
  const height = await act?.(p)
  // A window of the whole height: nothing stands over the page as it would in a long picture.
  if (height) await p.setViewportSize({ width: p.viewportSize()!.width, height })
  await p.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
  const file = `${dir}${name}.png`
  await p.screenshot({ path: file, animations: 'disabled' })
  expect(statSync(file).size).toBeLessThan(300_000)
})
