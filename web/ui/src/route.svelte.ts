// The address is the state: which page, query, zoom and pin.

export interface Route {
  path: string
  query: URLSearchParams
  hash: string
}

function read(): Route {
  return { path: location.pathname, query: new URLSearchParams(location.search), hash: decodeURIComponent(location.hash.slice(1)) }
}

export const route = $state<{ now: Route }>({ now: read() })

/** listen follows the browser's own navigation and clicks on links. */
export function listen(): void {
  addEventListener('popstate', () => (route.now = read()))
  addEventListener('hashchange', () => (route.now = read()))
  document.addEventListener('click', (e) => {
    if (e.defaultPrevented || e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return
    const a = (e.target as Element | null)?.closest('a')
    if (!a || a.target || a.hasAttribute('download') || a.origin !== location.origin || a.pathname.startsWith('/api/')) return
    if (a.pathname === location.pathname && a.search === location.search && a.hash) return // the browser's own
    e.preventDefault()
    go(a.pathname + a.search + a.hash)
  })
}

/** go opens a page; the reader starts at its top, and back returns to where he was. */
export function go(href: string): void {
  history.pushState(null, '', href)
  route.now = read()
  scrollTo(0, 0)
}

/** keep writes state into the address of the same page: no entry in the history unless it is a step. */
export function keep(change: Record<string, string | undefined>, step = false, hash?: string): void {
  const q = new URLSearchParams(location.search)
  for (const [k, v] of Object.entries(change)) {
    if (v === undefined || v === '') q.delete(k)
    else q.set(k, v)
  }
  const s = q.toString()
  const h = hash === undefined ? location.hash : hash === '' ? '' : `#${encodeURIComponent(hash)}`
  const href = location.pathname + (s ? `?${s}` : '') + h
  if (href === location.pathname + location.search + location.hash) return
  if (step) history.pushState(null, '', href)
  else history.replaceState(null, '', href)
  route.now = read()
}

/** match takes a path apart: match('/incidents/7', '/incidents/:id') is {id: '7'}. */
export function match(path: string, pattern: string): Record<string, string> | null {
  const a = path.split('/').filter(Boolean)
  const b = pattern.split('/').filter(Boolean)
  if (a.length !== b.length) return null
  const out: Record<string, string> = {}
  for (let i = 0; i < b.length; i++) {
    const want = b[i]!
    const have = a[i]!
    if (want.startsWith(':')) {
      try {
        out[want.slice(1)] = decodeURIComponent(have)
      } catch {
        return null
      }
    } else if (want !== have) return null
  }
  return out
}

export const href = {
  incident: (id: string) => `/incidents/${encodeURIComponent(id)}`,
  report: (id: string) => `/incidents/${encodeURIComponent(id)}/report`,
  record: (source: string, seq: number) => `/records/${encodeURIComponent(source)}/${seq}`,
  search: (p: Record<string, string>) => `/search?${new URLSearchParams(p)}`,
}
