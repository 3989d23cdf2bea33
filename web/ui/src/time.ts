// Times as people read them. Times come from the API as RFC 3339 in UTC and
// are milliseconds since 1970 here.

/** A zone for display: an IANA name, or UTC. */
export type Zone = string

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** ms parses a time of the API; NaN if it is missing. */
export function ms(t: string | null | undefined): number {
  return t ? Date.parse(t) : NaN
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(zone: Zone, kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone}|${kind}`
  let f = formats.get(key)
  if (!f) {
    f = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone, hourCycle: 'h23' })
    formats.set(key, f)
  }
  return f
}

/** known reports whether this browser knows a zone. */
export function known(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone })
    return zone !== ''
  } catch {
    return false
  }
}

/** clock is 08:22:32, with milliseconds if the time has any (nginx writes whole seconds). */
export function clock(t: number, zone: Zone, fraction: 'auto' | 'never' | 'always' = 'auto'): string {
  if (Number.isNaN(t)) return 'no time'
  const whole = Math.floor(t / SECOND) * SECOND
  const s = format(zone, 'clock', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(whole)
  const rest = Math.floor(t - whole)
  if (fraction === 'never' || (fraction === 'auto' && rest === 0)) return s
  return `${s}.${String(rest).padStart(3, '0')}`
}

/** minute is 08:22. */
export function minute(t: number, zone: Zone): string {
  return format(zone, 'minute', { hour: '2-digit', minute: '2-digit' }).format(t)
}

/** date is Sun 22 Nov 2026. */
export function date(t: number, zone: Zone): string {
  return format(zone, 'date', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).format(t).replace(',', '')
}

/** day is today, a weekday within the last week, else a date. */
export function day(t: number, now: number, zone: Zone): string {
  const key = (x: number) => format(zone, 'key', { year: 'numeric', month: '2-digit', day: '2-digit' }).format(x)
  if (key(t) === key(now)) return 'Today'
  if (t < now && now - t < 6 * DAY) return format(zone, 'weekday', { weekday: 'short' }).format(t)
  return format(zone, 'dm', { day: 'numeric', month: 'short' }).format(t)
}

/** offset is +01 or +05:30: what the zone is ahead of UTC at t. */
export function offset(t: number, zone: Zone): string {
  const parts = format(zone, 'offset', { timeZoneName: 'longOffset', hour: 'numeric' }).formatToParts(t)
  const name = parts.find((p) => p.type === 'timeZoneName')?.value ?? 'GMT'
  const o = name.replace('GMT', '')
  return o === '' ? '+00' : o.replace(/:00$/, '')
}

/** place is the zone's city, for labels: Berlin of Europe/Berlin. */
export function place(zone: Zone): string {
  return zone === 'UTC' ? 'UTC' : (zone.split('/').pop() ?? zone).replaceAll('_', ' ')
}

/** duration is 28 s, 1.5 s, 2 m 13 s, 7 h 12 m, 4 days. */
export function duration(d: number): string {
  if (!Number.isFinite(d)) return ''
  d = Math.max(d, 0)
  if (d < 10 * SECOND && d % SECOND !== 0) return `${(d / SECOND).toFixed(d < SECOND ? 2 : 1)} s`
  const s = Math.round(d / SECOND)
  if (s < 60) return `${s} s`
  const m = Math.floor(s / 60)
  if (m < 60) return s % 60 ? `${m} m ${s % 60} s` : `${m} m`
  const h = Math.floor(m / 60)
  if (h < 48) return m % 60 ? `${h} h ${m % 60} m` : `${h} h`
  return `${Math.floor(h / 24)} days`
}

/** length of an incident: the failures of its last second count as that second. */
export function length(start: string, end: string): number {
  const a = Math.floor(ms(start) / SECOND)
  const b = Math.floor(ms(end) / SECOND)
  return Math.max(b - a, 1) * SECOND
}

/** iso writes a time for the API. */
export function iso(t: number): string {
  return new Date(t).toISOString()
}

const steps = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
]

/** ticks are round times in a range, at most n of them, round in the zone. */
export function ticks(from: number, to: number, n: number, zone: Zone): { at: number; step: number }[] {
  const want = (to - from) / Math.max(n, 1)
  const step = steps.find((s) => s >= want) ?? 14 * DAY
  // Zones differ from UTC by quarters of hours: from six hours up that matters.
  const shift = step >= HOUR ? shiftOf(from, zone) : 0
  const out: { at: number; step: number }[] = []
  for (let t = Math.ceil((from + shift) / step) * step - shift; t <= to; t += step) out.push({ at: t, step })
  return out
}

function shiftOf(t: number, zone: Zone): number {
  const m = /^([+-])(\d\d):?(\d\d)?/.exec(offset(t, zone))
  if (!m) return 0
  const v = Number(m[2]) * HOUR + Number(m[3] ?? 0) * MINUTE
  return m[1] === '-' ? -v : v
}

/** tick labels a round time: no more digits than its step needs. */
export function tick(at: number, step: number, zone: Zone): string {
  if (step >= DAY) return format(zone, 'dm', { day: 'numeric', month: 'short' }).format(at)
  if (step >= MINUTE) return minute(at, zone)
  return clock(at, zone, step >= SECOND ? 'never' : 'always')
}
