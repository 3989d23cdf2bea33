import { describe, expect, it } from 'vitest'
import type { Incident, LogRecord } from './api/client'
import { placeOf, twins } from './around'
import { ms } from './time'

const inc = {
  id: 'a', start: '2026-11-22T08:47:56Z', end: '2026-11-22T08:48:53Z', ongoing: false,
  chain: [{ role: 'failure', time: '2026-11-22T08:48:01.783Z', evidence: [0] }],
  causes: [{ evidence: [{ source: 'err.log', seq: 7, time: null }] }],
} as unknown as Incident
const record = (o: Partial<LogRecord>) => ({ source: 'err.log', seq: 7, time: null, not_before: null, not_after: null, ...o }) as LogRecord

describe('twins', () => {
  const a = record({ source: 'supervisord.log', message: 'exited: ledger', time: '2026-11-22T08:48:01.783Z' })
  it.each([
    ['the same line in the journal', { source: 'journal', time: '2026-11-22T08:48:01.784Z' }, true],
    ['the same line again', { time: '2026-11-22T08:48:01.784Z' }, false],
    ['another line', { source: 'journal', message: 'spawned: ledger' }, false],
    ['long after', { source: 'journal', time: '2026-11-22T08:48:06.4Z' }, false],
    ['of no time', { source: 'journal', time: null }, false],
    ['without words', { source: 'journal', message: '' }, false],
  ] as const)('%s', (_, o, want) => expect(twins(a, { ...a, ...o })).toBe(want))
})

describe('where a record stands', () => {
  it.each([
    ['its own time', { time: '2026-11-22T08:48:00Z' }, '2026-11-22T08:48:00Z', 'log', 'a'],
    ['far from any incident', { time: '2026-11-21T08:48:00Z' }, '2026-11-21T08:48:00Z', 'log', undefined],
    ['a bound of its neighbours', { not_before: '2026-11-22T08:48:02Z' }, '2026-11-22T08:48:02Z', 'neighbours', 'a'],
    ['the step that cites it', {}, '2026-11-22T08:48:01.783Z', 'incident', 'a'],
  ] as const)('%s', (_, o, t, by, id) => {
    const p = placeOf([inc], record(o))
    expect([p.t, p.by, p.incident?.id]).toEqual([ms(t), by, id])
  })
  it('says so where nothing tells', () => expect(placeOf([inc], record({ seq: 8 }))).toEqual({ t: NaN, by: '', incident: null }))
})
