import { expect, it } from 'vitest'
import { MODULE, site, until } from './site'

const s = site('-at', 'quiet')

it('an outage that starts while the page is open appears without reload', async () => {
  const p = await s.page()
  await p.goto(s.base)
  await p.getByRole('heading', { name: 'Everything serves' }).waitFor()
  await p.evaluate(() => ((globalThis as unknown as { mine: boolean }).mine = true))
  await s.control('advance?to=2026-11-22T07:29:11.900Z')
  await p.getByRole('heading', { level: 1, name: /does not answer/ }).waitFor()
  await s.control('advance?to=2026-11-22T07:29:20Z')
  await p.getByRole('heading', { level: 1, name: /lacks the module/ }).waitFor()
  expect(await p.title()).toMatch(/^\(1\)/)
  expect(await p.evaluate(() => (globalThis as unknown as { mine: boolean }).mine)).toBe(true)
})

it('new evidence appears without moving what the reader holds', async () => {
  const p = await s.page()
  await p.goto(`${s.base}/incidents/${MODULE}`)
  await p.locator('.tl-main svg').waitFor()
  await p.locator('.tl-main').scrollIntoViewIfNeeded()
  const box = (await p.locator('.tl-main').boundingBox())!
  await p.mouse.move(box.x + 300, box.y + 60)
  await p.mouse.down()
  await p.mouse.move(box.x + 700, box.y + 60, { steps: 3 })
  await p.mouse.up()
  await until(async () => new URL(p.url()).searchParams.get('z'), (z) => z !== null)
  const range = await p.locator('.tl-bar b').textContent()
  const target = p.locator('.ev > li', { hasText: 'Cannot find module' })
  await target.evaluate((e) => scrollTo(0, e.getBoundingClientRect().top + scrollY - 200))
  const y = await target.evaluate((e) => e.getBoundingClientRect().top)
  const failed = await p.locator('.lead strong').nth(1).textContent()
  await s.control('advance?to=2026-11-22T07:29:31Z')
  await until(async () => p.locator('.lead strong').nth(1).textContent(), (t) => t !== failed)
  await until(async () => p.locator('.chain, .box').allTextContents().then((l) => l.join()), (t) => t.includes('gave up'))
  await until(async () => Math.abs((await target.evaluate((e) => e.getBoundingClientRect().top)) - y), (d) => d < 3)
  expect(await p.locator('.tl-bar b').textContent()).toBe(range)
})

it('the live tail never moves what the reader holds', async () => {
  const p = await s.page()
  await p.goto(`${s.base}/search?q=heartbeat`)
  await s.control('add', { source: '/var/log/app.log', service: 'app', text: 'heartbeat 0', severity: 6 })
  await p.reload()
  await until(async () => p.locator('.r1').count(), (n) => n === 1)
  await p.getByRole('button', { name: /^Live/ }).click()
  await until(async () => p.locator('.btn.live').getAttribute('aria-pressed'), (v) => v === 'true')
  const add = (n: number, from: number) => Promise.all(Array.from({ length: n }, (_, i) => s.control('add', { source: '/var/log/app.log', service: 'app', text: `heartbeat ${from + i}`, severity: 6 })))
  // The stream needs a moment to open: what comes before it is not its own.
  await until(async () => {
    await add(1, 1)
    return p.locator('.r1').count()
  }, (n) => n > 1)
  await add(80, 100)
  await until(async () => p.locator('.r1').count(), (n) => n > 80)
  const rows = p.locator('.rows')
  // It followed to the bottom.
  await until(async () => rows.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight), (d) => d < 30)
  // The reader scrolls up: held.
  await rows.evaluate((e) => (e.scrollTop = 200))
  await p.locator('.btn.live', { hasText: 'held' }).waitFor()
  const n = await p.locator('.r1').count()
  const first = await rows.evaluate((e) => e.scrollTop)
  await add(37, 300)
  await p.getByRole('button', { name: /37 new/ }).waitFor()
  expect(await p.locator('.r1').count()).toBe(n)
  expect(await rows.evaluate((e) => e.scrollTop)).toBe(first)
  await p.keyboard.press('G')
  await until(async () => p.locator('.r1').count(), (c) => c === n + 37)
  await until(async () => rows.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight), (d) => d < 30)
  // An open record holds too, and Space goes on.
  await p.locator('.r1').last().click()
  await add(3, 500)
  await p.getByRole('button', { name: /3 new/ }).waitFor()
  await p.mouse.move(5, 5)
  await p.keyboard.press('Escape')
  await p.getByRole('button', { name: /3 new/ }).waitFor({ state: 'detached' })
  await until(async () => p.locator('.r1').count(), (c) => c === n + 40)
})

it('tells when the service is gone, keeps what is shown, and comes back by itself', async () => {
  const p = await s.page()
  await p.goto(s.base)
  await p.getByRole('heading', { level: 1 }).waitFor()
  await s.stop()
  await p.getByText(/Not connected since/).waitFor()
  expect(await p.getByText(/Trying again/).count()).toBe(1)
  expect(await p.getByRole('heading', { level: 1 }).count()).toBe(1)
  await s.restart()
  await p.getByRole('button', { name: 'Now', exact: true }).click()
  await p.getByText(/Not connected since/).waitFor({ state: 'detached' })
})

it('says what failed and what still holds when the store is not available', async () => {
  const p = await s.page()
  await p.goto(`${s.base}/search?q=nginx`)
  await p.locator('.r1').first().waitFor()
  const n = await p.locator('.r1').count()
  await s.control('fail?on=1')
  try {
    await p.getByRole('combobox', { name: 'Query' }).fill('other')
    await p.keyboard.press('Enter')
    await p.getByRole('alert').getByText(/starting or stopping.*last query that worked/).waitFor()
    expect(await p.locator('.r1').count()).toBe(n)
  } finally {
    await s.control('fail')
  }
})
