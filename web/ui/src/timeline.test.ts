import { describe, expect, it } from 'vitest'
import type { Incident, Mark, Timeline } from './api/client'
import { again, bars, boxes, clusters, fit, hatches, labels, numbered, placed, runs, total, zoom } from './timeline'

const T0 = Date.parse('2026-11-22T07:22:00Z')
const at = (s: number) => new Date(T0 + s * 1000).toISOString()
const mark = (s: number, o: Partial<Mark> = {}): Mark => ({ id: `m${s}`, lane: 'manager', time: at(s), kind: 'started', severity: 'info', title: 'started', entity: 'a', text: '', source: 'journal', line: 1, seq: 1, count: 1, n: 0, own: true, ...o })
function timeline(o: Partial<Timeline> = {}): Timeline {
  const n = 60
  const zero = () => Array.from({ length: n }, () => 0)
  return {
    from: at(10), to: at(50), full_from: at(0), full_to: at(60), marks: [], last_change: null as never, memory: { entity: 'a', limit_bytes: 0, limit_by: '', readings: [] }, states: [],
    failures: { start: at(0), step_seconds: 1, refused: zero(), reset: zero(), timed_out: zero(), other: zero(), lines: true }, others: [], gaps: [], links: [], truncated: false, ...o,
  }
}

describe('view', () => {
  const full = { from: 0, to: 1000 }
  it.each([
    [{ from: -50, to: 50 }, { from: 0, to: 100 }],
    [{ from: 950, to: 1100 }, { from: 850, to: 1000 }],
    [{ from: -5, to: 5000 }, full],
    [{ from: 500, to: 501 }, { from: 500, to: 550 }],
  ])('fit %o', (v, want) => expect(fit(v, full)).toEqual(want))
  it('zoom keeps the time under the pointer where it is', () => {
    const v = { from: 200, to: 800 }
    const z = zoom(v, 0.5, 350, full)
    expect((350 - z.from) / (z.to - z.from)).toBeCloseTo((350 - v.from) / (v.to - v.from))
    expect(z.to - z.from).toBeCloseTo(300)
  })
})

describe('clusters', () => {
  const x = (t: number) => ((t - T0) / 1000) * 10
  it('merges what is closer than 8 pixels, the worst stands for all', () => {
    const c = clusters([mark(1), mark(1.2, { severity: 'error', title: 'exited' }), mark(1.4), mark(9)], x)
    expect(c.map((k) => k.marks.length)).toEqual([3, 1])
    expect(c[0]!.top.title).toBe('exited')
  })
  it('never merges marks of two numbers', () => expect(clusters([mark(1, { n: 1 }), mark(1.1, { n: 2 })], x).length).toBe(2))
  it('labels do not overlap', () => {
    const cs = clusters(Array.from({ length: 40 }, (_, i) => mark(i * (i % 3 === 0 ? 11 : 4), { title: `a label ${i}` })), x)
    const ls = labels(cs, (c) => c.top.title, 0, 600).map((l) => (l.end ? [l.x - l.text.length * 6.4, l.x] : [l.x, l.x + l.text.length * 6.4]) as [number, number])
    expect(ls.length).toBeGreaterThan(2)
    for (const [i, a] of ls.entries()) for (const b of ls.slice(i + 1)) expect(a[1] < b[0] || b[1] < a[0]).toBe(true)
  })
  it('leaves room for a number beside its mark, on either side', () => {
    const cs = clusters([mark(10), mark(50)], (t) => (t - T0) / 100)
    const to = (dx: number) => labels(cs, () => 'ab', 0, 1000, 11, { [cs[0]!.id]: { n: 2, dx } })
    expect(to(23)[0]!.x - cs[0]!.x).toBeGreaterThan(23 + 11)
    expect(to(-23)[0]!.x - cs[0]!.x).toBe(11)
    // To the left of a number on the left, where there is no room on the right.
    expect(cs[0]!.x - labels(cs, () => 'ab', 0, cs[0]!.x + 12, 11, { [cs[0]!.id]: { n: 2, dx: -23 } })[0]!.x).toBeGreaterThan(23 + 11)
  })
  it('lets the mark that says more stand for two of a kind', () => {
    const l = clusters([mark(1, { kind: 'app_started', title: 'listening' }), mark(1.001, { kind: 'app_started', title: 'listening on :3000' })], (t) => (t - T0) / 100)
    expect(l.map((c) => c.top.title)).toEqual(['listening on :3000'])
  })
  it('draws what the chain rests on before what is only louder', () => {
    const l = clusters([mark(1, { n: 2, severity: '', title: 'over its limit' }), mark(1.01, { n: 2, severity: 'warning', title: 'ended' })], (t) => (t - T0) / 100)
    expect(l.map((c) => c.top.title)).toEqual(['over its limit'])
  })
})

describe('bars', () => {
  const tl = timeline()
  tl.failures.refused = tl.failures.refused.map((_, i) => i)
  it.each([40, 200, 1000, 5000])('loses nothing at %d pixels', (w) => {
    const l = bars(tl, { from: T0, to: T0 + 60_000 }, w)
    expect(l.reduce((n, b) => n + b.sum, 0)).toBe((59 * 60) / 2)
    for (const b of l) expect((b.step / 60_000) * w).toBeGreaterThanOrEqual(Math.min(3, w / 60))
  })
  it('counts a phase within a stretch', () => expect(total(tl, 'refused', T0 + 9_500, T0 + 12_000)).toBe(9 + 10 + 11 + 12))
  it('is bounded for a long incident', () => {
    const long = timeline({ full_to: at(2000) })
    long.failures = { ...long.failures, refused: Array.from({ length: 2000 }, () => 50), reset: Array(2000).fill(0), timed_out: Array(2000).fill(0), other: Array(2000).fill(0) }
    expect(bars(long, { from: T0, to: T0 + 2_000_000 }, 1100).length).toBeLessThan(400)
  })
})

describe('memory', () => {
  const reading = (s: number, mb: number) => ({ time: at(s), bytes: mb * 1e6, text: '', source: 'j', line: 1, seq: 1 })
  const state = (a: number, b: number, s: 'running' | 'down' | 'starting') => ({ from: at(a), to: at(b), state: s, pid: 0, text: '' })
  const tl = timeline({
    memory: { entity: 'a', limit_bytes: 314.6e6, limit_by: 'MemoryMax=300M', readings: [reading(5, 131), reading(20, 250), reading(30.2, 314), reading(45, 131), reading(55, 191)] },
    states: [state(0, 30, 'running'), state(30, 32, 'down'), state(32, 44, 'starting'), state(44, 60, 'running')],
  })
  it('joins no readings of two processes', () => expect(runs(tl).map((r) => r.readings.length)).toEqual([3, 2]))
  it('hatches where there is no reading', () => {
    const h = hatches(tl).map((x) => [(x.from - T0) / 1000, (x.to - T0) / 1000, x.text(() => 'T')])
    expect(h).toEqual([[0, 5, 'No reading before T'], [30.2, 45, 'No reading until T'], [55, 60, 'No reading after T']])
  })
  it('sees it coming again', () => expect(Math.round(again(tl)!.left / 1000)).toBe(21))
  it('does not cry wolf', () => {
    expect(again({ ...tl, memory: { ...tl.memory, limit_bytes: 0 } })).toBeNull()
    expect(again({ ...tl, memory: { ...tl.memory, readings: tl.memory.readings.slice(0, 3) } })).toBeNull()
  })
})

describe('boxes and evidence', () => {
  const e = (text: string, role: string) => ({ source: 'journal', line: 1, time: at(1), text, role })
  const inc = {
    chain: [
      { role: 'root', kind: 'deploy', entity: 'a', text: 'Deploy', time: at(1), evidence: [0] },
      { role: 'failure', kind: 'module_not_found', entity: 'a', text: 'Cannot start', time: at(2), evidence: [1, 7] },
      { role: 'keeps_down', kind: 'start_limit_hit', entity: 'a', text: 'Gave up', time: at(3), evidence: [2] },
      { role: 'impact', kind: 'x', entity: 'a', text: '5 failed', time: at(1), evidence: [3] },
    ],
    causes: [{ evidence: [e('activating release 1', 'supports'), e("Cannot find module 'x'", 'decisive'), e('gave up', 'supports'), e('connect() failed (111: Connection refused)', 'effect')] }],
  } as unknown as Incident
  it('takes root, failure and impact', () => expect(boxes(inc).map((b) => [b.n, b.text])).toEqual([[1, 'Deploy'], [2, 'Cannot start'], [3, '5 failed']]))
  it('shows two boxes where nothing came before', () => expect(boxes({ ...inc, chain: inc.chain.slice(1) }).map((b) => b.label)).toEqual(['Cause', 'Impact']))
  it('survives an empty chain', () => expect(boxes({ ...inc, chain: [], causes: [] } as unknown as Incident).map((b) => b.n)).toEqual([3]))
  it('numbers evidence by its link; indexes that do not exist are left out', () => expect(numbered(inc).map((p) => [p.n, p.title])).toEqual([[1, 'Deploy'], [2, 'Last words'], [2, 'Given up'], [3, 'First refusal']]))
  it('gives a line to the step that cites it first, not to the first that cites it', () => {
    const two = { ...inc, chain: [{ ...inc.chain[0], evidence: [0, 1] }, ...inc.chain.slice(1)] } as unknown as Incident
    expect(numbered(two).map((p) => [p.n, p.title])).toEqual([[1, 'Deploy'], [2, 'Last words'], [2, 'Given up'], [3, 'First refusal']])
  })
  it('puts a line without a time where the step stands that cites it', () => {
    const untimed = { ...inc, causes: [{ evidence: inc.causes[0]!.evidence.map((x, i) => ({ ...x, time: null, seq: i + 10 })) }] } as unknown as Incident
    expect(numbered(untimed).map((p) => p.t - T0)).toEqual([1000, 2000, 3000, 1000])
    expect(placed(untimed, 'journal', 11)).toBe(T0 + 2000)
    expect(placed(untimed, 'journal', 99)).toBeNaN()
    expect(placed(inc, 'journal', 0)).toBeNaN()
  })
  it('says how many there were like an error line', () => {
    const counted = { ...inc, failures: { by_phase: { refused: 170, reset: 94, closed_early: 1, connect_timeout: 9, read_timeout: 40 } } } as unknown as Incident
    expect(numbered(counted).map((p) => p.of)).toEqual([0, 0, 0, 170])
  })
  it.each([
    ['2026-11-22 17:47:57,065 WARN exited: ledger (terminated by SIGKILL; not expected)', 'Ended by SIGKILL'],
    ['2026-11-22 17:48:01,783 WARN exited: ledger (exit status 1; not expected)', 'Exited with 1'],
    ['shop-api.service: Main process exited, code=killed, status=9/KILL', 'Exited with 9/KILL'],
    ['shop-api.service: A process of this unit has been killed by the OOM killer.', 'Its manager saw the kill'],
    ['upstream prematurely closed connection while reading', 'First closed early'],
    [`${'a'.repeat(40)} ${'b'.repeat(40)} deploy <d@h> 1795337192 +0900\treset: moving to release-2.3.1`, 'Deploy'],
  ])('names the evidence %s', (text, want) => {
    const one = { ...inc, chain: [{ ...inc.chain[0], evidence: [0] }], causes: [{ evidence: [e(text, 'supports')] }] } as unknown as Incident
    expect(numbered(one)[0]!.title).toBe(want)
  })
  it('gives the same line cited twice two keys', () => expect(new Set(numbered(inc).map((p) => p.key)).size).toBe(4))
})
