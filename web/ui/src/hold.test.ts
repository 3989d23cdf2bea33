import { describe, expect, it } from 'vitest'
import { TailHold } from './hold'

describe('TailHold', () => {
  it('lets rows through while nothing is held', () => expect(new TailHold<number>().arrive([1, 2])).toEqual([1, 2]))
  it('gathers while held and gives them back in order', () => {
    const h = new TailHold<number>()
    h.set('scroll', true)
    expect(h.arrive([1])).toEqual([])
    expect(h.arrive([2, 3])).toEqual([])
    expect(h.waiting).toBe(3)
    expect(h.set('scroll', false)).toEqual([1, 2, 3])
    expect(h.waiting).toBe(0)
    expect(h.arrive([4])).toEqual([4])
  })
  it('is held until the last reason is gone', () => {
    const h = new TailHold<number>()
    h.set('open', true)
    h.set('hover', true)
    h.arrive([1])
    expect(h.set('hover', false)).toEqual([])
    expect(h.holding).toBe(true)
    expect(h.set('open', false)).toEqual([1])
  })
  it('resume lets go of everything', () => {
    const h = new TailHold<number>()
    h.set('selection', true)
    h.set('pause', true)
    h.arrive([1])
    expect(h.resume()).toEqual([1])
    expect(h.holding).toBe(false)
  })
  it('is bounded, and counts what it drops', () => {
    const h = new TailHold<number>(3)
    h.set('scroll', true)
    h.arrive([1, 2, 3, 4, 5])
    expect(h.waiting).toBe(5)
    expect(h.dropped).toBe(2)
    expect(h.set('scroll', false)).toEqual([3, 4, 5])
    expect(h.dropped).toBe(0)
  })
})
