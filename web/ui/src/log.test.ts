import { describe, expect, it } from 'vitest'
import { change, elide, focus, folds, hits, paths, printable, proof, trace, type Piece } from './log'

const text = (p: Piece[]) => p.map((x) => x.text).join('')
const nginx = '2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.182, server: shop.example.com, request: "GET /api/products?page=6 HTTP/1.1", upstream: "http://127.0.0.1:3000/products?page=6", host: "shop.example.com"'

describe('printable', () => {
  it.each([
    ['colours go', '\x1b[33m[Nest] 232\x1b[39m ok', '[Nest] 232 ok'],
    ['cursor movement is shown', 'a\x1b[2Jb', 'a\u241b[2Jb'],
    ['window titles are shown', 'a\x1b]0;evil\x07b', 'a\u241b]0;evil\u2407b'],
    ['bell, NUL, DEL', '\x07\x00\x7f', '\u2407\u2400\u2421'],
    ['right-to-left override', 'gpj.\u202eexe', 'gpj.<202e>exe'],
    ['isolates and marks', '\u2066x\u2069\u200f', '<2066>x<2069><200f>'],
    ['C1', '\x9b31m', '<009b>31m'],
    ['markup stays text', '<script>alert(1)</script>', '<script>alert(1)</script>'],
    ['tabs and newlines stay', 'a\tb\nc', 'a\tb\nc'],
    ['CRLF is one newline', 'a\r\nb\rc', 'a\nb\nc'],
    ['emoji survive', 'ok 👍🏽', 'ok 👍🏽'],
  ])('%s', (_, raw, want) => expect(printable(raw)).toBe(want))
  it('is fast on a megabyte of escapes without an end', () => {
    const begun = performance.now()
    printable('\x1b]'.repeat(500_000))
    printable('\x1b['.repeat(500_000))
    expect(performance.now() - begun).toBeLessThan(2000)
  })
})

describe('proof', () => {
  it('marks the words that decide and keeps every letter', () => {
    const p = proof(nginx)
    expect(text(p)).toBe(nginx)
    expect(p.find((x) => x.mark)?.text).toBe('connect() failed (111: Connection refused)')
  })
  it('marks what an entry of a reflog did', () => expect(proof(`${'a'.repeat(40)} ${'b'.repeat(40)} deploy <d@h> 1795337192 +0900\treset: moving to r-2`).find((x) => x.mark)?.text).toBe('reset: moving to r-2'))
  it('leaves an unknown line alone', () => expect(proof('hello')).toEqual([{ text: 'hello' }]))
})

describe('paths', () => {
  it.each([
    ['module ./config/app.module was not found', ['./config/app.module']],
    ['the module ../lib/a is missing in /srv/app/dist/main.js.', ['../lib/a', '/srv/app/dist/main.js']],
    ['PostgreSQL on 127.0.0.1:5432 refuses http://a/b and 1/2', []],
  ])('%s', (s, want) => {
    expect(paths(s).filter((p) => p.strong).map((p) => p.text)).toEqual(want)
    expect(text(paths(s))).toBe(s)
  })
})

describe('hits', () => {
  it('marks overlapping words once', () => {
    const p = hits('refused refusedly', ['refused', 'refusedly'])
    expect(text(p)).toBe('refused refusedly')
    expect(p.filter((x) => x.mark).map((x) => x.text)).toEqual(['refused', 'refused', 'ly'])
  })
  it('does not trust offsets where lower case is longer', () => expect(text(hits('İstanbul x', ['x']))).toBe('İstanbul x'))
})

describe('elide', () => {
  it.each([
    ['nginx error', nginx, '', {}, 'connect() failed (111: Connection refused) … GET /api/products?page=6 … 203.0.113.182'],
    ['access log', '203.0.113.143 - - [22/Nov/2026:08:21:35 +0100] "DELETE /api/cart/280 HTTP/1.1" 200 11 "-" "curl"', '', {}, '200 DELETE /api/cart/280 … 203.0.113.143'],
    ['attributes', '{"x":1}', '', { method: 'GET', path: '/a', status: 502, client: '::1' }, '502 GET /a … ::1'],
    ['Nest', '[Nest] 232  - 11/22/2026, 8:22:26 AM    WARN [RecoService] cache holds 40', '', {}, '[RecoService] cache holds 40'],
    ['trace', 'node:internal/x:1\n  throw err\nError: Cannot find module \'./a\'\n    at f (a.js:1:2)', '', {}, "Error: Cannot find module './a' … 4 lines"],
    ['one line', 'plain', 'plain', {}, 'plain'],
    ['envelope of time, host and process', '2026-11-22T17:49:31.06+09:00 vps-17 systemd[1]: Started nginx.', 'Started nginx.', {}, 'Started nginx.'],
    ['a message that is not the end', 'a: b (c)', 'b', {}, 'a: b (c)'],
    ['empty', '', '', {}, ''],
  ])('%s', (_, raw, message, attributes, want) => expect(text(elide(raw, message, attributes))).toBe(want))
  it('cuts a monster', () => expect(text(elide('x'.repeat(1_000_000), '')).length).toBeLessThan(2100))
})

describe('folds', () => {
  const lines = trace("Error: x\n    at own (/srv/app/dist/main.js:6:22)\n    at a (node:internal/modules/cjs/loader:1521:14)\n    at b (node:internal/modules/cjs/loader:1623:10)\n    at c (/srv/app/node_modules/x/y.js:1:2)\n    at d (/srv/app/src/z.js:3:4)\n  code: 'X'")
  it('sorts frames', () => expect(lines.map((l) => l.kind)).toEqual(['text', 'own', 'foreign', 'foreign', 'foreign', 'own', 'text']))
  it('folds runs of foreign frames only', () => expect(folds(lines).map((g) => [g.folded, g.lines.length])).toEqual([[false, 2], [true, 3], [false, 2]]))
  it('keeps every line', () => expect(folds(lines).flatMap((g) => g.lines).length).toBe(7))
})

it('focus finds the line that decides', () => {
  expect(focus('memory: usage 307200kB, limit 307200kB\nMemory cgroup out of memory: Killed process 232 (node) total-vm\nrest')).toEqual({ line: 'Memory cgroup out of memory: Killed process 232 (node) total-vm', more: true })
  expect(focus('nothing')).toEqual({ line: 'nothing', more: false })
})

it('change reads a reflog', () => {
  expect(change(`${'9'.repeat(40)} ${'8'.repeat(40)} deploy <deploy@vps-17> 1795337192 +0900\treset: moving to release-2.3.1`)).toBe('reset: moving to release-2.3.1')
  expect(change('shop-api: activating release 2')).toBe('shop-api: activating release 2')
})
