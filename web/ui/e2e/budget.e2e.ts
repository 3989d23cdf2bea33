import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { site, until } from './site'

const s = site('-at', 'outage')
const dist = fileURLToPath(new URL('../dist/', import.meta.url))

it('the first load is under 150 kB gzipped', async () => {
  const p = await s.page()
  const urls = new Set<string>()
  p.on('request', (r) => r.url().includes('/api/') || urls.add(r.url()))
  await p.goto(s.base)
  await p.getByRole('heading', { level: 1 }).waitFor()
  let sent = 0
  for (const u of urls) sent += gzipSync(Buffer.from(await (await fetch(u)).arrayBuffer())).length
  console.log(`first load: ${(sent / 1000).toFixed(1)} kB gzipped`)
  expect(sent).toBeGreaterThan(20_000)
  expect(sent).toBeLessThan(150_000)
})

it('names no other host', () => {
  for (const f of readdirSync(dist, { recursive: true }) as string[]) {
    if (!/\.(js|css|html)$/.test(f)) continue
    const urls = [...readFileSync(dist + f, 'utf8').matchAll(/https?:\/\/[\w.-]+/g)].map((m) => m[0]).filter((u) => !/^http:\/\/www\.w3\.org$|^https:\/\/svelte\.dev$/.test(u))
    expect(urls).toEqual([])
  }
})

it('an incident with 100,000 failures is interactive within a second', async () => {
  await s.control('storm')
  const p = await s.page()
  await p.goto(s.base) // the program is loaded and warm, as it is for a reader
  await p.getByRole('heading', { level: 1 }).waitFor()
  const times: number[] = []
  for (let i = 0; i < 3; i++) {
    await p.goto(`${s.base}/incidents`)
    const link = p.locator('.past a', { hasText: 'we do not know who sent the signal' })
    await link.waitFor()
    const begun = Date.now()
    await link.click()
    const main = p.locator('.tl-main svg')
    await main.getByText(/refused/).first().waitFor()
    // Interactive: it answers the keyboard with another range.
    const range = await p.locator('.tl-bar b').textContent()
    await p.keyboard.press('+')
    await until(async () => p.locator('.tl-bar b').textContent(), (r) => r !== range)
    times.push(Date.now() - begun)
    expect(await p.locator('.tl-main svg *').count()).toBeLessThan(4000)
  }
  console.log(`100,000 failures, interactive after ${times.join(', ')} ms`)
  expect(Math.min(...times)).toBeLessThan(1000)
})
