import { describe, expect, it } from 'vitest'
import { clock, day, duration, length, offset, place, tick, ticks, HOUR, MINUTE, SECOND } from './time'

const t = Date.parse('2026-11-22T07:22:32.682816Z')

describe('clock', () => {
  it.each([
    [t, 'Europe/Berlin', 'auto', '08:22:32.682'],
    [Date.parse('2026-11-22T07:22:33Z'), 'Europe/Berlin', 'auto', '08:22:33'], // nginx has whole seconds: no invented digits
    [t, 'UTC', 'never', '07:22:32'],
    [t, 'Asia/Kolkata', 'always', '12:52:32.682'],
    [NaN, 'UTC', 'auto', 'no time'],
    [Date.parse('2026-03-29T01:30:00Z'), 'Europe/Berlin', 'auto', '03:30:00'], // after the clocks went forward
  ] as const)('%s in %s (%s) is %s', (at, zone, fraction, want) => expect(clock(at, zone, fraction)).toBe(want))
})

describe('duration', () => {
  it.each([
    [0, '0 s'],
    [120, '0.12 s'],
    [1500, '1.5 s'],
    [28_000, '28 s'],
    [59_600, '1 m'],
    [133_000, '2 m 13 s'],
    [7 * HOUR + 12 * MINUTE, '7 h 12 m'],
    [4 * 24 * HOUR + HOUR, '4 days'],
    [NaN, ''],
    [-5, '0 s'],
  ])('%d is %s', (d, want) => expect(duration(d)).toBe(want))
})

it('an incident within one second lasts one', () => {
  expect(length('2026-11-22T07:22:29.1Z', '2026-11-22T07:22:29.9Z')).toBe(SECOND)
  expect(length('2026-11-22T07:22:29Z', '2026-11-22T07:22:57.749Z')).toBe(28 * SECOND)
})

it('names zones by city and offset', () => {
  expect(place('America/New_York')).toBe('New York')
  expect(offset(t, 'Europe/Berlin')).toBe('+01')
  expect(offset(t, 'Asia/Kolkata')).toBe('+05:30')
  expect(offset(t, 'UTC')).toBe('+00')
})

it('says today in the zone that is shown', () => {
  const late = Date.parse('2026-11-21T23:30:00Z')
  const now = Date.parse('2026-11-22T07:00:00Z')
  expect(day(late, now, 'Europe/Berlin')).toBe('Today')
  expect(day(late, now, 'UTC')).toBe('Sat')
  expect(day(now - 30 * 24 * HOUR, now, 'UTC')).toBe('23 Oct')
})

describe('ticks', () => {
  it.each([
    [60 * SECOND, 8],
    [3 * MINUTE, 10],
    [24 * HOUR, 6],
    [7 * 24 * HOUR, 5],
    [80, 4],
  ])('%d ms has at most about %d', (span, n) => {
    const l = ticks(t, t + span, n, 'Europe/Berlin')
    expect(l.length).toBeGreaterThan(0)
    expect(l.length).toBeLessThanOrEqual(n + 1)
    for (const x of l) expect(x.at).toBeGreaterThanOrEqual(t)
  })
  it('are round in the zone, not in UTC', () => {
    for (const x of ticks(t, t + 24 * HOUR, 5, 'Asia/Kolkata')) expect(tick(x.at, x.step, 'Asia/Kolkata')).toMatch(/^(00|06|12|18):00$/)
  })
})
