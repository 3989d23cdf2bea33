import { describe, expect, it } from 'vitest'
import type { Incident } from './api/client'
import { bytes, count, cut, level, phases, statuses, verdict, whole } from './words'

const inc = (o: object): Incident => ({ failures: { requests_failed: 313, of: 313, status: { '502': 264, '504': 49 }, by_phase: { refused: 170, reset: 90, closed_early: 4, connect_timeout: 9, read_timeout: 40, no_live: 0, tls: 0, bad_response: 0, socket: 0, dns: 0, none: 0 }, ...o } }) as unknown as Incident

describe('words', () => {
  it.each([['', 'no level', 'none'], ['crit', 'fatal', 'fatal'], ['3', 'error', 'error'], ['4', 'warning', 'warning'], ['0', 'fatal', 'fatal'], ['6', 'info', 'info'], ['notice', 'notice', 'info']])('severity %j is %s', (s, word, mark) => expect(level(s)).toEqual({ word, mark }))
  it.each([['oom_kill', 'killed for memory'], ['hang_timeout_route', 'alive, but did not answer'], ['something_new', 'something new']])('verdict %s', (v, want) => expect(verdict(v)).toBe(want))
  it('sums phases into those that are drawn', () => expect(phases(inc({})).map((p) => [p.key, p.n])).toEqual([['timed_out', 49], ['reset', 94], ['refused', 170]]))
  it('names the one other phase there is', () => expect(phases(inc({ by_phase: { refused: 0, reset: 0, closed_early: 0, connect_timeout: 0, read_timeout: 0, no_live: 0, tls: 0, bad_response: 0, socket: 0, dns: 7, none: 0 } }))[0]!.word).toBe('No address'))
  it.each([[94, 0, 'Reset', '104'], [0, 1, 'Closed early', ''], [3, 1, 'Reset or closed', '']])('of %d resets and %d early ends it says %s', (reset, closed_early, word, errno) => expect(cut(inc({ by_phase: { reset, closed_early } }))).toEqual({ word, errno }))
  it('tells statuses and wholes', () => {
    expect(statuses(inc({}))).toBe('264 with 502, 49 with 504')
    expect(statuses(inc({ status: { '502': 5 } }))).toBe('all with 502')
    expect(whole(5, 0)).toBe('5')
    expect(whole(313, 324)).toBe('313 of 324')
    expect(count(1234567)).toBe('1\u202f234\u202f567')
    expect(bytes(312e6)).toBe('312 MB')
  })
})
