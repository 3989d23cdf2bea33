import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'

export const OOM = 'shop-api-20261122T072229'
export const MODULE = 'shop-api-20261122T072910'

/** A running program that serves the pages, with a browser beside it. */
export class Site {
  base = ''
  private child: ChildProcess | null = null
  private args: string[] = []
  private contexts: BrowserContext[] = []
  /** what a page must never do */
  readonly faults: string[] = []

  constructor(private readonly browser: () => Browser) {}

  /** start runs the test server over the recorded morning. */
  async start(...args: string[]): Promise<void> {
    this.args = args
    if (!this.base) this.base = `http://127.0.0.1:${await freePort()}`
    await this.run(process.env.CULPRIT_E2E_SERVE!, ['-addr', new URL(this.base).host, ...args])
  }

  /** demo runs culprit demo, which looks for a free port by itself. */
  async demo(): Promise<void> {
    this.base = await this.run(process.env.CULPRIT_E2E_CULPRIT!, ['demo'])
  }

  /** run starts a program and returns the address that it says it serves at. */
  private async run(program: string, args: string[]): Promise<string> {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    return new Promise<string>((ok, no) => {
      let said = ''
      const hear = (b: Buffer) => {
        said += b.toString()
        const at = /(?:^|the pages are at )(http:\/\/127\.0\.0\.1:\d+)\/?\s/m.exec(said) // the story names other addresses
        if (at) ok(at[1]!)
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.once('exit', (code) => no(new Error(`${program} ended with ${code}: ${said}`)))
    })
  }

  async stop(): Promise<void> {
    const c = this.child
    this.child = null
    if (!c || c.exitCode !== null) return
    await new Promise<void>((ok) => {
      c.once('exit', () => ok())
      c.kill(this.args.length ? 'SIGKILL' : 'SIGTERM') // the demo takes its folder away with it
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

/** site starts the test server for a file, and checks after each test that no page did what it must not. */
export function site(...args: string[]): Site {
  return served((s) => s.start(...args))
}

/** demo is culprit demo: the real store, the real API, the examples. */
export function demo(): Site {
  return served((s) => s.demo())
}

function served(start: (s: Site) => Promise<void>): Site {
  let browser: Browser
  const s = new Site(() => browser)
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
    })
    await start(s)
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
