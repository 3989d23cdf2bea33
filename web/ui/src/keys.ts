// Keyboard: single keys and sequences (g h), never while the reader types.

export type Handler = (e: KeyboardEvent) => boolean | void

const layers: { keys: Record<string, Handler> }[] = []
let first = ''
let timer = 0

/** keys adds a layer; the newest is asked first. It returns how to take it away. */
export function keys(map: Record<string, Handler>): () => void {
  const layer = { keys: map }
  layers.push(layer)
  return () => {
    const i = layers.indexOf(layer)
    if (i >= 0) layers.splice(i, 1)
  }
}

function typing(t: EventTarget | null): boolean {
  return t instanceof HTMLElement && (t.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(t.tagName))
}

export function listenKeys(): void {
  addEventListener('keydown', (e) => {
    if (e.defaultPrevented || e.altKey || e.isComposing) return
    const mod = e.ctrlKey || e.metaKey
    const name = (mod ? 'Ctrl+' : '') + (e.key.length === 1 && mod ? e.key.toUpperCase() : e.key)
    if (typing(e.target) && !mod && e.key !== 'Escape') return
    // Enter and Space belong to what has the focus.
    if ((e.key === 'Enter' || e.key === ' ') && e.target instanceof HTMLElement && /^(?:A|BUTTON|SUMMARY)$/.test(e.target.tagName)) return
    const both = first ? `${first} ${name}` : ''
    clearTimeout(timer)
    first = ''
    for (const k of [both, name]) {
      if (!k) continue
      for (let i = layers.length - 1; i >= 0; i--) {
        const h = layers[i]!.keys[k]
        if (h && h(e) !== false) {
          e.preventDefault()
          return
        }
      }
    }
    if (!mod && (name === 'g')) {
      first = name
      timer = window.setTimeout(() => (first = ''), 1000)
    }
  })
}
