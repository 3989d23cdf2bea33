import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'

export const OOM = 'shop-api-20261122T072229'
export const MODULE = 'shop-api-20261122T072910'

/** A running test server with a browser beside it. */
export class Site {
  base = ''
  private child: ChildProcess | null = null
  private args: string[] = []
  private contexts: BrowserContext[] = []
  /** what a page must never do */
  readonly faults: string[] = []

  constructor(private readonly browser: () => Browser) {}

  async start(...args: string[]): Promise<void> {
    this.args = args
    if (!this.base) this.base = `http://127.0.0.1:${await freePort()}`
    const child = spawn(process.env.CULPRIT_E2E_SERVE!, ['-addr', new URL(this.base).host, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.child = child
    await new Promise<void>((ok, no) => {
      child.stdout!.once('data', () => ok())
      child.once('exit', (code) => no(new Error(`test server ended with ${code}`)))
    })
  }

  async stop(): Promise<void> {
    const c = this.child
    this.child = null
    if (!c || c.exitCode !== null) return
    await new Promise<void>((ok) => {
      c.once('exit', () => ok())
      c.kill('SIGKILL')
    })
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start(...this.args)
  }

  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser().newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', ...options })
    this.contexts.push(context)
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: this.base })
    const page = await context.newPage()
    page.setDefaultTimeout(10_000)
    page.on('pageerror', (e) => this.faults.push(`page error: ${e.message}`))
    page.on('console', (m) => {
      // A test may stop the server, and axe tries to run in the report's frame;
      // everything else that the console says is a fault.
      if (m.type() === 'error' && !/ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE|Blocked script execution|status of (?:4|5)\d\d/.test(m.text())) this.faults.push(`console: ${m.text()}`)
    })
    page.on('dialog', (d) => {
      this.faults.push(`a script ran: ${d.message()}`)
      void d.dismiss()
    })
    page.on('request', (r) => {
      const u = new URL(r.url())
      if (u.origin !== this.base && !['data:', 'about:', 'blob:'].includes(u.protocol)) this.faults.push(`request to ${u.origin}`)
    })
    return page
  }

  async closePages(): Promise<void> {
    await Promise.all(this.contexts.splice(0).map((c) => c.close()))
  }

  async control(path: string, body?: unknown): Promise<string> {
    const res = await fetch(`${this.base}/control/${path}`, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    if (!res.ok) throw new Error(`${path}: ${res.status} ${await res.text()}`)
    return res.text()
  }
}

/** site starts a server for a file, and checks after each test that no page did what it must not. */
export function site(...args: string[]): Site {
  let browser: Browser
  const s = new Site(() => browser)
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
    })
    await s.start(...args)
  })
  afterEach(async () => {
    await s.closePages()
    const faults = s.faults.splice(0)
    expect(faults).toEqual([])
  })
  afterAll(async () => {
    await s.stop()
    await browser?.close()
  })
  return s
}

function freePort(): Promise<number> {
  return new Promise((ok, no) => {
    const srv = createServer()
    srv.once('error', no)
    srv.listen(0, '127.0.0.1', () => {
      const a = srv.address()
      srv.close(() => (a && typeof a === 'object' ? ok(a.port) : no(new Error('no port'))))
    })
  })
}

/** until polls with a deadline. */
export async function until<T>(f: () => Promise<T>, ok: (v: T) => boolean, ms = 8000): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const v = await f()
    if (ok(v)) return v
    if (Date.now() > end) throw new Error(`did not happen within ${ms} ms; last: ${JSON.stringify(v)}`)
    await new Promise((r) => setTimeout(r, 40))
  }
}
