// What every page needs: the service, its clock, incidents, the connection, and
// the reader's settings.
import { api, APIError, type Counts, type Health, type Incident } from './api/client'
import { DAY, known, ms, offset, type Zone } from './time'

class State {
  health = $state<Health | null>(null)
  counts = $state<Counts | null>(null)
  incidents = $state<Incident[] | null>(null)
  problem = $state('')
  /** since when nothing answers; 0 while connected */
  offlineSince = $state(0)
  retryAt = $state(0)
  signIn = $state(false)
  /** changes with every message about sources */
  sourcesTurn = $state(0)
  /** changes when all should be asked for again */
  turn = $state(0)
  /** the service's clock minus ours */
  private skew = $state(0)
  /** our clock, once a second */
  private beat = $state(Date.now())

  utc = $state(read('zone') === 'utc')
  theme = $state(read('theme'))

  readonly now = $derived(this.beat + this.skew)
  readonly home: Zone = $derived.by(() => {
    const z = this.health?.zone ?? ''
    return known(z) ? z : Intl.DateTimeFormat().resolvedOptions().timeZone
  })
  /** there are two zones to choose from */
  readonly zones = $derived(offset(this.beat, this.home) !== '+00' || offset(this.beat + 182 * DAY, this.home) !== '+00')
  readonly zone: Zone = $derived(this.utc ? 'UTC' : this.home)
  readonly open = $derived((this.incidents ?? []).filter((i) => i.ongoing))

  start(): void {
    setInterval(() => (this.beat = Date.now()), 1000)
    this.paint()
  }

  clockIs(t: string): void {
    const n = ms(t)
    if (!Number.isNaN(n)) this.skew = n - Date.now()
  }

  toggleZone(): void {
    this.utc = !this.utc
    write('zone', this.utc ? 'utc' : '')
  }

  toggleTheme(): void {
    const dark = this.theme ? this.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
    this.theme = dark ? 'light' : 'dark'
    write('theme', this.theme)
    this.paint()
  }

  paint(): void {
    if (this.theme) document.documentElement.dataset.theme = this.theme
    else delete document.documentElement.dataset.theme
  }

  async load(): Promise<void> {
    try {
      this.health = await api.health()
      this.clockIs(this.health.time)
      this.incidents = await api.incidents({ limit: 200 })
      this.problem = ''
      this.signIn = false
    } catch (e) {
      this.failed(e)
      if (e instanceof APIError && !e.offline && e.status !== 401) this.problem = e.message
    }
  }

  /** failed looks whether a token is asked for; the page that asked tells the rest. */
  failed(e: unknown): void {
    if (e instanceof APIError && e.status === 401) this.signIn = true
  }

  /** put takes in a new or changed incident. */
  put(inc: Incident): void {
    const l = (this.incidents ?? []).filter((i) => i.id !== inc.id)
    l.push(inc)
    l.sort((a, b) => ms(b.start) - ms(a.start))
    this.incidents = l
  }
}

// Private windows may forbid storage; settings then last as long as the page.
function read(key: string): string {
  try {
    return localStorage.getItem(`culprit.${key}`) ?? ''
  } catch {
    return ''
  }
}

function write(key: string, value: string): void {
  try {
    if (value) localStorage.setItem(`culprit.${key}`, value)
    else localStorage.removeItem(`culprit.${key}`)
  } catch {
    // nothing to do
  }
}

export const app = new State()
