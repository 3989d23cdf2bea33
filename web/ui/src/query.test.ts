import { describe, expect, it } from 'vitest'
import { clause, has, rangeOf, suggest, toggle, tokens, words } from './query'

describe('tokens', () => {
  it.each(['', 'a', 'kind:oom_kill', 'status:>=500 -"returned no results" AND (x OR y*)', '"unclosed', 'a:b:c', '::', '-', '- x', 'x:"a b', '  two  spaces ', '<script>', '((('])('joins to the same: %s', (q) =>
    expect(tokens(q).map((t) => t.text).join('')).toBe(q))
  it('knows the parts', () =>
    expect(tokens('-kind:x "a b" AND w').filter((t) => t.kind !== 'space').map((t) => t.kind)).toEqual(['op', 'field', 'op', 'value', 'string', 'op', 'word']))
})

describe('words', () => {
  it.each([
    ['refused shop', ['refused', 'shop']],
    ['-refused shop', ['shop']],
    ['NOT refused shop', ['shop']],
    ['kind:refused "Cannot find"', ['cannot find']],
    ['conn* a', ['conn']],
    ['-"a b" c1', ['c1']],
  ])('%s', (q, want) => expect(words(q)).toEqual(want))
})

describe('toggle', () => {
  it.each([
    ['', 'service', 'nginx', false, 'service:nginx'],
    ['service:nginx', 'service', 'nginx', false, ''],
    ['a service:nginx b', 'service', 'nginx', true, 'a b -service:nginx'],
    ['-service:nginx', 'service', 'nginx', true, ''],
    ['-service:nginx', 'service', 'nginx', false, 'service:nginx'],
    ['x', 'source', '/var/log/a b.log', false, 'x source:"/var/log/a b.log"'],
    ['service:nginx2', 'service', 'nginx', false, 'service:nginx2 service:nginx'],
    ['', 'process', 'a"b\\c', false, 'process:"a\\"b\\\\c"'],
  ])('%s with %s:%s (not: %s)', (q, f, v, not, want) => expect(toggle(q, f, v, not)).toBe(want))
  it('undoes itself for odd values', () => {
    for (const v of ['.*', '$1', '(x)', 'a b', '"', '\\', '-x', 'AND', '[x]']) {
      const on = toggle('w', 'f', v)
      expect(has(on, 'f', v)).toBe(1)
      expect(toggle(on, 'f', v)).toBe('w')
      expect(has(toggle('w', 'f', v, true), 'f', v)).toBe(-1)
      expect(clause('f', v).startsWith('f:')).toBe(true)
    }
  })
})

describe('range', () => {
  const of = (s: string) => rangeOf(new URLSearchParams(s))
  it('takes only what is a range', () => {
    expect(of('last=1h')).toEqual({ last: '1h', since: '', until: '' })
    expect(of('last=constructor')).toEqual({ last: '', since: '', until: '' })
    expect(of('since=2026-11-22T07:00:00Z&until=nonsense')).toEqual({ last: '', since: '2026-11-22T07:00:00Z', until: '' })
  })
})

describe('suggest', () => {
  const fields = ['kind', 'service', 'severity', 'status']
  const values = (f: string) => (f === 'service' ? [{ value: 'shop-api', count: 3 }, { value: 'my service', count: 1 }] : [])
  it('offers fields, then values', () => {
    expect(suggest('se', 2, fields, values).items.map((i) => i.text)).toEqual(['service:', 'severity:'])
    expect(suggest('a -service:s', 12, fields, values)).toEqual({ from: 11, items: [{ text: 'shop-api', note: '3 records' }] })
    expect(suggest('service:m', 9, fields, values).items[0]!.text).toBe('"my service"')
    expect(suggest('', 0, fields, values).items).toEqual([])
  })
})
