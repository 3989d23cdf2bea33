// The query as the reader writes it: its parts for colour, and how clicks on
// facets write it. What it means is for the service to say.

export interface Token {
  text: string
  kind: 'field' | 'op' | 'value' | 'string' | 'word' | 'space'
}

/** tokens cuts a query for colouring; joined, they are the query again. */
export function tokens(q: string): Token[] {
  const out: Token[] = []
  const re = /(\s+)|(-?)([A-Za-z_][\w.]*)(:(?:>=|<=|>|<)?)|("(?:[^"\\]|\\.)*"?)|(AND|OR|NOT)(?=\s|$|\()|([()]|-(?=\S))|([^\s()"]+)/gy
  let m: RegExpExecArray | null
  let after = false // a field's operator came just before
  while (re.lastIndex < q.length && (m = re.exec(q))) {
    if (m[1]) out.push({ text: m[1], kind: 'space' })
    else if (m[3] && m[4] && !after) {
      if (m[2]) out.push({ text: m[2], kind: 'op' })
      out.push({ text: m[3], kind: 'field' }, { text: m[4], kind: 'op' })
      after = true
      continue
    } else if (m[5]) out.push({ text: m[5], kind: 'string' })
    else if (m[6]) out.push({ text: m[6], kind: 'op' })
    else if (m[7]) out.push({ text: m[7], kind: 'op' })
    else out.push({ text: m[0], kind: after ? 'value' : 'word' })
    after = false
  }
  return out
}

/** words are those that a hit may be marked by: no fields, nothing that is excluded. */
export function words(q: string): string[] {
  const out: string[] = []
  let not = false
  let field = false
  for (const t of tokens(q)) {
    if (t.kind === 'space') field = false
    else if (t.kind === 'op') {
      if (t.text === '-' || t.text === 'NOT') not = true
      else if (t.text.startsWith(':')) field = true
    } else if (t.kind === 'field') field = true
    else {
      if (!not && !field) {
        const w = t.text.replace(/^"|"$/g, '').replace(/\*+$/, '').toLowerCase()
        if (w.length > 1) out.push(w)
      }
      not = false
      field = false
    }
  }
  return out
}

/** quote writes a value so that it is one. */
export function quote(v: string): string {
  return /^[\w.@/-]+$/.test(v) && !/^(?:AND|OR|NOT|-)/.test(v) ? v : `"${v.replace(/["\\]/g, '\\$&')}"`
}

/** clause is field:value, with - in front where it is excluded. */
export function clause(field: string, value: string, not = false): string {
  return `${not ? '-' : ''}${field}:${quote(value)}`
}

function escape(s: string): string {
  return s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** has says whether a clause stands in the query: 1, -1 for excluded, 0. */
export function has(q: string, field: string, value: string): 1 | 0 | -1 {
  const at = (c: string) => new RegExp(`(?:^|[\\s(])${escape(c)}(?=$|[\\s)])`).test(q)
  if (at(clause(field, value, true))) return -1
  return at(clause(field, value)) ? 1 : 0
}

/** toggle adds or removes a clause; one of the other sense is replaced. */
export function toggle(q: string, field: string, value: string, not = false): string {
  const now = has(q, field, value)
  const drop = (c: string) => q.replace(new RegExp(`(^|[\\s(])${escape(c)}(?=$|[\\s)])`), '$1').replace(/\s+/g, ' ').trim()
  if (now !== 0) q = drop(clause(field, value, now < 0))
  if (now === (not ? -1 : 1)) return q
  return `${q} ${clause(field, value, not)}`.trim()
}

/** A range of time in the address: the last so much, or from and to. */
export interface Range {
  last: string // 15m, 1h, 24h, 7d, '' for since and until
  since: string
  until: string
}

export const lasts: Record<string, [number, string]> = {
  '15m': [15 * 60_000, 'Last 15 min'], '1h': [3_600_000, 'Last hour'], '24h': [86_400_000, 'Last 24 h'], '7d': [7 * 86_400_000, 'Last 7 days'],
}

export function rangeOf(q: URLSearchParams): Range {
  const last = q.get('last') ?? ''
  const time = (s: string | null) => (s && !Number.isNaN(Date.parse(s)) ? s : '')
  return { last: Object.hasOwn(lasts, last) ? last : '', since: time(q.get('since')), until: time(q.get('until')) }
}

/** suggest offers what could stand at the caret: fields, or the values of one. */
export function suggest(q: string, caret: number, fields: string[], values: (field: string) => { value: string; count: number }[]): { from: number; items: { text: string; note: string }[] } {
  const before = q.slice(0, caret)
  const m = /(?:^|[\s(])-?(?:([A-Za-z_][\w.]*):)?("?[^\s"()]*)$/.exec(before)
  if (!m) return { from: caret, items: [] }
  const part = (m[2] ?? '').replace(/^"/, '').toLowerCase()
  const from = caret - (m[2] ?? '').length
  if (m[1]) {
    const items = values(m[1]).filter((v) => v.value.toLowerCase().startsWith(part) && v.value.toLowerCase() !== part).slice(0, 6)
    return { from, items: items.map((v) => ({ text: quote(v.value), note: `${v.count} records` })) }
  }
  if (part.length < 1) return { from, items: [] }
  return { from, items: fields.filter((f) => f.startsWith(part)).slice(0, 6).map((f) => ({ text: `${f}:`, note: 'field' })) }
}
