// The live tail never moves what the reader holds. Any scroll, selection, open
// record or hover on a row holds the view; new rows wait until he lets go.

export type Reason = 'scroll' | 'selection' | 'open' | 'hover' | 'pause'

export class TailHold<T> {
  private reasons = new Set<Reason>()
  private queue: T[] = []
  /** rows that were dropped because too many waited */
  dropped = 0

  constructor(private readonly most = 2000) {}

  get holding(): boolean {
    return this.reasons.size > 0
  }

  get waiting(): number {
    return this.queue.length + this.dropped
  }

  has(r: Reason): boolean {
    return this.reasons.has(r)
  }

  /** set holds or lets go for one reason. It returns what may be shown now. */
  set(r: Reason, on: boolean): T[] {
    if (on) this.reasons.add(r)
    else this.reasons.delete(r)
    return this.holding ? [] : this.release()
  }

  /** arrive takes new rows and returns those that may be shown now. */
  arrive(rows: T[]): T[] {
    if (!this.holding) return rows
    this.queue.push(...rows)
    if (this.queue.length > this.most) {
      this.dropped += this.queue.length - this.most
      this.queue.splice(0, this.queue.length - this.most)
    }
    return []
  }

  /** resume lets go of everything and returns all that waited. */
  resume(): T[] {
    this.reasons.clear()
    return this.release()
  }

  private release(): T[] {
    const out = this.queue
    this.queue = []
    this.dropped = 0
    return out
  }
}
