// Strips of a day: where failures lie, and how high they are drawn.
import type { UpstreamState } from './api/client'
import { ms } from './time'

export interface Column {
  x: number
  w: number
  h: number
  n: number
  t: number
}

/** columns makes at least one pixel of every step with failures; height grows with the root, so that a few stay visible beside many. */
export function columns(u: UpstreamState, from: number, to: number, step: number, width: number, height: number): Column[] {
  const px = width / (to - from)
  const w = Math.max(3, step * px)
  const merged = new Map<number, { t: number; n: number }>()
  for (const b of u.strip) {
    const t = ms(b.time)
    const k = Math.floor(((t - from) * px) / w)
    const m = merged.get(k)
    if (m) m.n += b.failed
    else merged.set(k, { t, n: b.failed })
  }
  const most = Math.max(1, ...[...merged.values()].map((m) => m.n))
  return [...merged.entries()].map(([k, m]) => ({ x: Math.min(k * w, width - w), w: w - 0.5, h: Math.max(2, Math.sqrt(m.n / most) * height), n: m.n, t: m.t }))
}
