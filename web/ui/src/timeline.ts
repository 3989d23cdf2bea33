// The geometry of the timeline: what is merged, what is labelled, what is
// hatched. Pure, so that it can be tested without a page.
import type { Evidence, Incident, Mark, Timeline } from './api/client'
import { change } from './log'
import { ms } from './time'

export interface View {
  from: number
  to: number
}

export type X = (t: number) => number

/** shortest view, in milliseconds */
export const SHORTEST = 50

/** fit keeps a view inside of what there is, and not shorter than SHORTEST. */
export function fit(v: View, full: View): View {
  const whole = full.to - full.from
  const len = Math.min(Math.max(v.to - v.from, Math.min(SHORTEST, whole)), whole)
  const from = Math.min(Math.max(v.from, full.from), full.to - len)
  return { from, to: from + len }
}

/** zoom makes a view k times as long, t staying where it is. */
export function zoom(v: View, k: number, t: number, full: View): View {
  return fit({ from: t - (t - v.from) * k, to: t + (v.to - t) * k }, full)
}

/** A mark, or several that are too close together to tell apart. */
export interface Cluster {
  id: string
  x: number
  t: number
  marks: Mark[]
  top: Mark // the one that stands for all
}

const rank: Record<string, number> = { emerg: 0, alert: 1, crit: 2, error: 3, warning: 4, notice: 5, info: 6, debug: 7, '': 8 }

/** weight orders marks: those of the cause first, then by severity. */
function weight(m: Mark): number {
  const level = rank[m.severity] ?? 8
  // What the chain rests on weighs as much as an error, whatever level its log gave it.
  return (m.n > 0 ? m.n : 9) * 100 + (m.own ? 0 : 20) + (m.n > 0 ? Math.min(level, 3) : level)
}

/** clusters merges marks of one row that are closer than gap pixels. */
export function clusters(marks: Mark[], x: X, gap = 8): Cluster[] {
  const out: Cluster[] = []
  for (const m of marks) {
    const t = ms(m.time)
    const px = x(t)
    const last = out.at(-1)
    if (last && px - x(ms(last.marks.at(-1)!.time)) < gap && !(last.top.n && m.n && last.top.n !== m.n)) {
      last.marks.push(m)
      // Of two of a kind the one that says more stands for both.
      const more = m.kind === last.top.kind && m.title.length > last.top.title.length ? 0.5 : 0
      if (weight(m) - more < weight(last.top)) {
        last.top = m
        last.id = m.id
        last.t = t
        last.x = px
      }
    } else out.push({ id: m.id, x: px, t, marks: [m], top: m })
  }
  return out
}

/** A label with room for it. */
export interface Label {
  id: string
  x: number
  text: string
  end: boolean // to the left of its mark
}

type Face = '12' | 'bold 12' | '11'
let pen: CanvasRenderingContext2D | null | undefined
let family = ''
/** wide is how many pixels a text takes on the chart. Each system has its own font, so the browser measures it. */
export function wide(text: string, face: Face = '12'): number {
  if (pen === undefined) pen = typeof CanvasRenderingContext2D === 'undefined' ? null : document.createElement('canvas').getContext('2d')
  if (!pen) return text.length * (face === 'bold 12' ? 6.9 : face === '11' ? 5.9 : 6.4)
  family ||= getComputedStyle(document.body).fontFamily
  const font = `${face === 'bold 12' ? '600 12' : face}px ${family}`
  if (pen.font !== font) pen.font = font
  return pen.measureText(text).width
}

/** BADGE is where the number of a box stands beside its mark: how far off, and how wide to either side. */
export const BADGE = { x: 23, r: 11 }
export interface Badge {
  n: number
  dx: number // to the right of its mark, or to the left
}

/** labels places what fits: to the right of its mark, else to the left. badged are the marks with a number beside them. */
export function labels(cs: Cluster[], text: (c: Cluster) => string, left: number, right: number, off = 11, badged: Record<string, Badge> = {}): Label[] {
  // How far a mark reaches with its number.
  const reach = (c: Cluster, side: 1 | -1) => ((badged[c.id]?.dx ?? 0) * side > 0 ? BADGE.x + BADGE.r : 8)
  const taken: [number, number][] = cs.map((c) => [c.x - reach(c, -1), c.x + reach(c, 1)])
  const out: Label[] = []
  for (const c of [...cs].sort((a, b) => weight(a.top) - weight(b.top))) {
    if (c.x < left || c.x > right) continue
    const s = text(c)
    const after = reach(c, 1) > 8 ? off + BADGE.x + 2 : off
    const before = reach(c, -1) > 8 ? off + BADGE.x + 2 : off
    const w = wide(s)
    const own = (a: number, b: number) => a === c.x - reach(c, -1) && b === c.x + reach(c, 1)
    const free = (a: number, b: number) => a >= left && b <= right && taken.every(([p, q]) => own(p, q) || b < p || a > q)
    if (free(c.x + after - 2, c.x + after + w)) {
      out.push({ id: c.id, x: c.x + after, text: s, end: false })
      taken.push([c.x + after - 2, c.x + after + w])
    } else if (free(c.x - before - w, c.x - before + 2)) {
      out.push({ id: c.id, x: c.x - before, text: s, end: true })
      taken.push([c.x - before - w, c.x - before + 2])
    }
  }
  return out
}

/** One bar: the failures of a stretch, by phase. */
export interface Bar {
  t: number
  step: number
  refused: number
  reset: number
  timed_out: number
  other: number
  sum: number
}

export const order = ['refused', 'timed_out', 'reset', 'other'] as const
export type PhaseKey = (typeof order)[number]

/** bars sums the series of a view into bars of at least min pixels. */
export function bars(tl: Timeline, v: View, width: number, min = 3): Bar[] {
  const s = tl.failures
  const start = ms(s.start)
  const step = s.step_seconds * 1000
  const px = (width * step) / Math.max(v.to - v.from, 1)
  const k = Math.max(1, Math.ceil(min / px))
  const out: Bar[] = []
  const a = Math.max(0, Math.floor((v.from - start) / step / k) * k)
  const b = Math.min(s.refused.length, Math.ceil((v.to - start) / step) + 1)
  for (let i = a; i < b; i += k) {
    const bar: Bar = { t: start + i * step, step: step * k, refused: 0, reset: 0, timed_out: 0, other: 0, sum: 0 }
    for (let j = i; j < Math.min(i + k, s.refused.length); j++) {
      bar.refused += s.refused[j]!
      bar.reset += s.reset[j]!
      bar.timed_out += s.timed_out[j]!
      bar.other += s.other[j]!
    }
    bar.sum = bar.refused + bar.reset + bar.timed_out + bar.other
    if (bar.sum > 0) out.push(bar)
  }
  return out
}

/** total of a phase in a stretch. */
export function total(tl: Timeline, key: PhaseKey, from = -Infinity, to = Infinity): number {
  const s = tl.failures
  const start = ms(s.start)
  const step = s.step_seconds * 1000
  let n = 0
  for (let i = 0; i < s[key].length; i++) {
    const t = start + i * step
    if (t + step > from && t <= to) n += s[key][i]!
  }
  return n
}

/** A stretch without readings, and why. */
export interface Hatch {
  from: number
  to: number
  text: (clock: (t: number) => string) => string
}

export interface Run {
  readings: Timeline['memory']['readings']
}

/** runs cuts readings where the process was another one in between: no line may join them. */
export function runs(tl: Timeline): Run[] {
  const breaks = tl.states.filter((s) => s.state === 'down' || s.state === 'starting' || s.state === 'planned').map((s) => ms(s.from))
  const out: Run[] = []
  let last = NaN
  for (const r of tl.memory.readings) {
    const t = ms(r.time)
    // A kernel report that is written while the process dies still belongs to it.
    const cut = breaks.some((b) => b > last && b <= t - 500)
    if (out.length === 0 || cut) out.push({ readings: [r] })
    else out.at(-1)!.readings.push(r)
    last = t
  }
  return out
}

/** hatches are the stretches of the memory lane for which nothing is known. */
export function hatches(tl: Timeline): Hatch[] {
  const from = ms(tl.full_from)
  const to = ms(tl.full_to)
  const rs = runs(tl)
  if (rs.length === 0) return []
  const out: Hatch[] = []
  const first = ms(rs[0]!.readings[0]!.time)
  out.push({ from, to: first, text: (c) => `No reading before ${c(first)}` })
  for (let i = 0; i < rs.length; i++) {
    const end = ms(rs[i]!.readings.at(-1)!.time)
    const next = rs[i + 1]
    const until = next ? ms(next.readings[0]!.time) : to
    out.push({ from: end, to: until, text: (c) => (next ? `No reading until ${c(until)}` : `No reading after ${c(end)}`) })
  }
  return out.filter((h) => h.to - h.from > 100)
}

/** again says when the limit is reached once more, if memory grows towards it after the restart; NaN if not. */
export function again(tl: Timeline): { from: number; to: number; over: number; left: number } | null {
  const limit = tl.memory.limit_bytes
  const rs = runs(tl)
  const last = rs.at(-1)?.readings ?? []
  if (rs.length < 2 || last.length < 2 || !limit) return null
  const a = last[0]!
  const b = last.at(-1)!
  const over = ms(b.time) - ms(a.time)
  const slope = (b.bytes - a.bytes) / over
  if (over < 5000 || slope <= 0 || b.bytes < a.bytes * 1.2) return null
  const left = (limit - b.bytes) / slope
  return left > 0 && left < 3600_000 ? { from: a.bytes, to: b.bytes, over, left } : null
}

/** A place on the chart that can be pointed at, with the line that stands behind it. */
export interface Target {
  id: string
  lane: 'changes' | 'memory' | 'kernel' | 'manager' | 'app' | 'failures'
  t: number
  x: number
  y: number
  n: number
  title: string
  severity: string
  text: string
  source: string
  line: number
  seq: number
  more: { time: string; text: string }[]
}

/** causal puts targets in the order of the cause: by number, then by time. */
export function causal(a: Target, b: Target): number {
  return (a.n || 9) - (b.n || 9) || a.t - b.t
}

/** box is one of the three answers of the head. */
export interface Box {
  n: 1 | 2 | 3
  role: 'root' | 'failure' | 'impact'
  label: string
  time: string | null
  kind: string // of the step of the chain
  text: string
  detail: { time: string | null; text: string }[]
  line: Evidence | null
}

/** boxes picks root, failure and impact from the chain; what is missing is left out. */
export function boxes(inc: Incident): Box[] {
  const evidence = inc.causes[0]?.evidence ?? []
  const root = inc.chain.find((c) => c.role === 'root')
  const failure = inc.chain.find((c) => c.role === 'failure') ?? inc.chain.find((c) => c.role === 'trigger')
  const impact = inc.chain.find((c) => c.role === 'impact')
  const line = (c: { evidence: number[] } | undefined, not: Evidence | null = null): Evidence | null => {
    const of = (c?.evidence ?? []).map((i) => evidence[i]).filter((e): e is Evidence => !!e)
    // Two boxes with the same line would prove one thing only.
    return of.find((e) => e.role === 'decisive' && e !== not) ?? (not ? of.findLast((e) => e !== not) : of[0]) ?? of[0] ?? null
  }
  const out: Box[] = []
  if (root && root !== failure) out.push({ n: 1, role: 'root', label: 'Root cause', time: root.time ?? null, kind: root.kind, text: root.text, detail: [], line: line(root, line(failure)) })
  if (failure) {
    const rest = inc.chain.filter((c) => (c.role === 'keeps_down' || c.role === 'trigger') && c !== failure).map((c) => ({ time: c.time ?? null, text: c.text }))
    out.push({ n: 2, role: 'failure', label: root ? 'Critical failure' : 'Cause', time: failure.time ?? null, kind: failure.kind, text: failure.text, detail: rest, line: line(failure) })
  }
  out.push({ n: 3, role: 'impact', label: 'Impact', time: null, kind: 'impact', text: impact?.text ?? '', detail: [], line: null })
  return out
}

/** placed is where an incident puts a record that it rests on: at the step of the chain that cites it; NaN if none does. */
export function placed(inc: Incident, source: string, seq: number): number {
  if (!seq) return NaN
  const i = (inc.causes[0]?.evidence ?? []).findIndex((e) => e.source === source && e.seq === seq)
  return i < 0 ? NaN : ms(inc.chain.find((c) => c.evidence.includes(i))?.time)
}

/** A line of evidence with the box that it belongs to. */
export interface Proof {
  e: Evidence
  n: number
  role: string
  title: string
  of: number // how many there were like it, 0 if that says nothing
  t: number // when; where the log gives no time, that of the step which cites it
  key: string
}

/** numbered maps each piece of evidence to the box that it belongs to. */
export function numbered(inc: Incident): Proof[] {
  const evidence = inc.causes[0]?.evidence ?? []
  const n = new Map<number, { n: number; role: string; t: number }>()
  // What a step cites first is its own; what it cites besides may be another's.
  for (const first of [true, false])
    for (const c of inc.chain) {
      const k = { root: 1, trigger: 2, failure: 2, keeps_down: 2, amplifier: 2, impact: 3, recovery: 3 }[c.role] ?? 0
      for (const i of first ? c.evidence.slice(0, 1) : c.evidence) if (!n.has(i)) n.set(i, { n: k, role: c.role, t: ms(c.time) })
    }
  // The same line may be cited twice; a key must not be.
  const times = new Map<string, number>()
  const key = (e: Evidence) => {
    const k = `${e.source}:${e.line}`
    const t = times.get(k) ?? 0
    times.set(k, t + 1)
    return t ? `${k}:${t}` : k
  }
  return evidence
    .map((e, i): Proof => {
      const by = n.get(i)
      const t = ms(e.time)
      return { e, key: key(e), n: by?.n ?? (e.role === 'effect' ? 3 : 2), role: by?.role ?? e.role, title: evidenceTitle(e, by?.role ?? ''), of: alike(inc, e), t: Number.isNaN(t) ? (by?.t ?? NaN) : t }
    })
    .sort((a, b) => a.n - b.n || (a.t || Infinity) - (b.t || Infinity))
}

/** alike counts the failures that an error line stands for. */
function alike(inc: Incident, e: Evidence): number {
  const p = inc.failures?.by_phase
  if (e.role !== 'effect' || !p) return 0
  if (/\(110:|timed out/.test(e.text)) return p.connect_timeout + p.read_timeout
  if (/prematurely closed/.test(e.text)) return p.closed_early
  if (/\(104:/.test(e.text)) return p.reset
  return /\(111:/.test(e.text) ? p.refused : 0
}

function evidenceTitle(e: Evidence, role: string): string {
  const t = e.text
  if (/Killed process/.test(t)) return 'Killed'
  if (/memory: usage/.test(t)) return 'At the limit'
  if (/rss \d/i.test(t)) return 'Memory rose'
  if (/\(110:|timed out/.test(t)) return 'First time-out'
  if (/\(104:/.test(t)) return 'First reset'
  if (/prematurely closed/.test(t)) return 'First closed early'
  if (/\(111:/.test(t)) return 'First refusal'
  if (/Cannot find/.test(t)) return 'Last words'
  if (/repeated too quickly|gave up/.test(t)) return 'Given up'
  if (/exceeded allocated memory|memory limit/i.test(t)) return 'Over its limit'
  if (/killed by the OOM killer/.test(t)) return 'Its manager saw the kill'
  const end = /terminated by (SIG[A-Z0-9]{1,8})|exit status (\d{1,3})|code=\w{1,10}, status=([\w/]{1,16})/.exec(t)
  if (end) return end[1] ? `Ended by ${end[1]}` : `Exited with ${end[2] ?? end[3]}`
  if (/Failed with result/.test(t)) return 'Failed'
  if (/listening|listens/.test(t)) return 'Back'
  if (/activating|deploy/i.test(t) || role === 'root' && change(t) !== t) return 'Deploy'
  if (e.role === 'decisive') return 'Decisive'
  if (e.role === 'contradicts') return 'Speaks against it'
  return { root: 'Root cause', failure: 'Failure', keeps_down: 'Keeps it down', recovery: 'Back', trigger: 'Trigger', impact: 'Effect', amplifier: 'Made it worse' }[role] ?? 'Supports it'
}
