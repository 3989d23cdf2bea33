import { expect, it } from 'vitest'
import { href, keep, match, route } from './route.svelte'

it('matches paths and decodes them', () => {
  expect(match('/incidents/a%20b', '/incidents/:id')).toEqual({ id: 'a b' })
  expect(match('/records/%2Fvar%2Flog%2Fx.log/7', '/records/:source/:seq')).toEqual({ source: '/var/log/x.log', seq: '7' })
  expect(match('/incidents', '/incidents/:id')).toBeNull()
  expect(match('/incidents/%E0%A4%A', '/incidents/:id')).toBeNull()
  expect(match('/x/1', '/incidents/:id')).toBeNull()
})

it('a permalink leads back to its record', () => {
  const p = match(href.record('/var/log/a?b#c %.log', 12), '/records/:source/:seq')
  expect(p).toEqual({ source: '/var/log/a?b#c %.log', seq: '12' })
})

it('keeps state in the address', () => {
  keep({ q: 'a:"b c" &d', z: '1-2' })
  expect(new URLSearchParams(location.search).get('q')).toBe('a:"b c" &d')
  keep({ z: undefined }, false, 'pin')
  expect(location.hash).toBe('#pin')
  expect(route.now.query.has('z')).toBe(false)
  keep({ q: '' }, false, '')
  expect(location.search + location.hash).toBe('')
})
