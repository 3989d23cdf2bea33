// The stream of changes. A lost connection is told at once, tried again with
// longer and longer waits, and everything is asked for again after it.
import { app } from '../state.svelte'
import type { Counts, Incident } from './client'

const waits = [1, 2, 4, 8, 15, 30]

class Live {
  private source: EventSource | null = null
  private tries = 0
  private timer = 0
  private quiet = 0

  start(): void {
    this.connect()
    addEventListener('online', () => this.again())
    // A page that goes into the browser's cache must not keep its stream.
    addEventListener('pagehide', () => this.source?.close())
    addEventListener('pageshow', (e) => e.persisted && this.again())
  }

  /** again tries now. */
  again(): void {
    clearTimeout(this.timer)
    this.connect()
  }

  private connect(): void {
    this.source?.close()
    const s = new EventSource('/api/live')
    this.source = s
    s.addEventListener('hello', (e) => {
      const was = app.offlineSince > 0
      this.tries = 0
      app.offlineSince = 0
      app.retryAt = 0
      app.clockIs((JSON.parse(e.data) as { time: string }).time)
      if (was) {
        void app.load()
        app.turn++
      }
      this.alive()
    })
    s.addEventListener('counts', (e) => {
      const c = JSON.parse(e.data) as Counts
      const trouble = app.counts?.trouble
      app.counts = c
      app.clockIs(c.time)
      if (trouble !== undefined && trouble !== c.trouble) app.sourcesTurn++
      this.alive()
    })
    s.addEventListener('incident', (e) => app.put((JSON.parse(e.data) as { incident: Incident }).incident))
    s.addEventListener('sources', () => app.sourcesTurn++)
    s.addEventListener('skipped', () => {
      void app.load()
      app.turn++
    })
    s.onerror = () => this.lost()
  }

  /** A stream that says nothing for half a minute is dead, whatever TCP thinks. */
  private alive(): void {
    clearTimeout(this.quiet)
    this.quiet = window.setTimeout(() => this.lost(), 30_000)
  }

  private lost(): void {
    this.source?.close()
    clearTimeout(this.quiet)
    clearTimeout(this.timer)
    if (app.signIn) return
    if (!app.offlineSince) app.offlineSince = app.now
    const wait = waits[Math.min(this.tries++, waits.length - 1)]!
    app.retryAt = Date.now() + wait * 1000
    this.timer = window.setTimeout(() => this.connect(), wait * 1000)
  }
}

export const live = new Live()
