// Log text for display. It is data of strangers: it is only ever put into text
// nodes, and what could move or hide other text is made visible here.

// Colours and cursor movements of terminals, titles of windows (bounded, so
// that a hostile line costs no more than its length).
// eslint-disable-next-line no-control-regex
const escapes = /\x1b(?:\[[0-9;:?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\-_])/g
// Control bytes but tab and newline, and marks that turn the direction of text.
// eslint-disable-next-line no-control-regex
const unsafe = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

/** printable makes a log text safe to look at; copies are made of the text itself. */
export function printable(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(escapes, (e) => (/^\x1b\[[0-9;:]*m$/.test(e) ? '' : visible(e)))
    .replace(unsafe, visible)
}

function visible(s: string): string {
  let out = ''
  for (const c of s) {
    const n = c.codePointAt(0) ?? 0
    if (n < 0x20) out += String.fromCharCode(0x2400 + n)
    else if (n === 0x7f) out += '\u2421'
    else if (/[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/.test(c)) out += `<${n.toString(16).padStart(4, '0')}>`
    else out += c
  }
  return out
}

/** A piece of a text with what it is. */
export interface Piece {
  text: string
  mark?: boolean // the part that proves, or a hit
  gap?: boolean // left out
  strong?: boolean
}

// What decides in known lines: the words that a reader looks for.
const decisive = [
  /Killed process \d+ \([^)\n]{1,40}\)/,
  /memory: usage \d+kB, limit \d+kB/,
  /(?:connect\(\)|recv\(\)|writev\(\)|SSL_do_handshake\(\)|send\(\)) (?:to \S+ )?failed(?: \([^)\n]{1,80}\))?/,
  /upstream timed out \([^)\n]{1,60}\)/,
  /upstream prematurely closed connection/,
  /no live upstreams/,
  /upstream sent too big header/,
  /Cannot find (?:module|package) '[^'\n]{1,300}'/,
  /(?:Failed with result|Main process exited, )[^\n]{1,60}/,
  /Start request repeated too quickly/,
  /EADDRINUSE[^\n]{0,60}/,
  /ECONNREFUSED[^\n]{0,60}/,
  /(?:JavaScript heap out of memory|Reached heap limit)/,
  /activating release \S{1,80}/,
  /cache holds \d+ matrices, rss \d+ MB/,
  /gave up: [^\n]{1,120}/,
  /exceeded allocated memory limit/,
  // what an entry of git's reflog did
  /(?<=^[0-9a-f]{40} [0-9a-f]{40} [^\t\n]{0,200}\t)[^\n]{1,300}/,
  /exited: \S{1,60} \([^)\n]{1,60}\)/,
]

/** proof cuts a printable text around the words that decide. */
export function proof(text: string): Piece[] {
  for (const re of decisive) {
    const m = re.exec(text)
    if (m) return cutAt(text, [[m.index, m.index + m[0].length]])
  }
  return [{ text }]
}

/** focus is the line of a text that holds the words that decide, or the first; and whether there are others. */
export function focus(text: string): { line: string; more: boolean } {
  const lines = text.split('\n', 400)
  const plain = lines.map((l) => printable(l.slice(0, 4000)))
  // The list begins with what decides most: the kill before the usage.
  for (const re of decisive) {
    const at = plain.findIndex((l) => re.test(l))
    if (at >= 0) return { line: lines[at]!, more: lines.length > 1 }
  }
  return { line: lines[0] ?? '', more: lines.length > 1 }
}

/** change says a deploy in a line: of an entry of git's reflog, what it did. */
export function change(text: string): string {
  const m = /^[0-9a-f]{40} [0-9a-f]{40} .{0,200}?\t(.+)$/.exec(text)
  return (m?.[1] ?? text).split('\n')[0] ?? ''
}

/** hits cuts a printable text at the words of a query. */
export function hits(text: string, words: string[]): Piece[] {
  const spans: [number, number][] = []
  const low = text.toLowerCase()
  if (low.length !== text.length) return [{ text }] // a letter that grows: offsets would lie
  for (const w of words) {
    if (!w) continue
    for (let i = low.indexOf(w), n = 0; i >= 0 && n < 50; i = low.indexOf(w, i + w.length), n++) spans.push([i, i + w.length])
  }
  return cutAt(text, spans)
}

function cutAt(text: string, spans: [number, number][]): Piece[] {
  spans.sort((a, b) => a[0] - b[0])
  const out: Piece[] = []
  let at = 0
  for (const [a, b] of spans) {
    if (b <= at) continue
    const from = Math.max(a, at)
    if (from > at) out.push({ text: text.slice(at, from) })
    out.push({ text: text.slice(from, b), mark: true })
    at = b
  }
  if (at < text.length || out.length === 0) out.push({ text: text.slice(at) })
  return out
}

const nginxError = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: (?:\*\d+ )?(.{1,400}?)(?: while [a-z ]+)?, client: ([^,]{1,60}), server: [^,]*, request: "([^"\n]{1,600}?)(?: HTTP\/[\d.]+)?"/s
const accessLine = /^(\S{1,60}) \S+ \S+ \[[^\]\n]{1,40}\] "([^"\n]{1,600}?)(?: HTTP\/[\d.]+)?" (\d{3}) /
const nestLine = /^\[Nest\] \d+ +- [^A-Z\n]{1,40}(?:AM|PM)? +(?:LOG|WARN|ERROR|DEBUG|VERBOSE|FATAL) +/

/**
 * elide makes one line of a record: the fixed middle of known formats is left
 * out. Copying always copies the raw text.
 */
export function elide(text: string, message: string, attributes: Record<string, unknown> = {}): Piece[] {
  const { method, path, status, client } = attributes
  if (typeof method === 'string' && typeof path === 'string' && status !== undefined && !text.includes('\n'))
    return [{ text: String(status), strong: true }, { text: ` ${printable(`${method} ${path}`)} ` }, { text: '\u2026 ', gap: true }, { text: printable(String(client ?? '')) }]
  const first = text.length > 2000 ? text.slice(0, 2000) : text
  let m = nginxError.exec(first)
  if (m) return [{ text: m[1] ?? '' }, { text: ' \u2026 ', gap: true }, { text: m[3] ?? '', strong: true }, { text: ' \u2026 ', gap: true }, { text: m[2] ?? '' }]
  m = accessLine.exec(first)
  if (m) return [{ text: m[3] ?? '', strong: true }, { text: ` ${m[2] ?? ''} ` }, { text: '\u2026 ', gap: true }, { text: m[1] ?? '' }]
  // A record of several lines: what it says, and that there is more.
  const lines = text.split('\n', 40).map((l) => l.trim()).filter(Boolean)
  const said = message && message !== text ? (message.split('\n').map((l) => l.trim()).find(Boolean) ?? '') : ''
  let line = lines.length > 1 ? said || lines.find((l) => /^(?:[A-Z]\w*)?(?:Error|Exception)\b/.test(l)) || lines[0] || '' : lines[0] ?? ''
  line = line.slice(0, 2000).replace(nestLine, '')
  // The envelope of time, host and process stands in columns of its own.
  if (lines.length === 1 && said.length > 3 && line.endsWith(said)) line = said
  return lines.length > 1 ? [{ text: line }, { text: ` \u2026 ${lines.length === 40 ? '40 or more' : lines.length} lines`, gap: true }] : [{ text: line }]
}

/** A frame of a trace, or another line of the record. */
export interface TraceLine {
  text: string
  kind: 'own' | 'foreign' | 'text'
}

const frameLine = /^\s*(?:at |\u2026 )/
/** trace sorts the lines of a record: own frames, frames of Node and packages, text. */
export function trace(text: string): TraceLine[] {
  return text.split('\n').map((line) => {
    if (!frameLine.test(line) || !/:\d+|<anonymous>|native|\(node:/.test(line)) return { text: line, kind: 'text' }
    const foreign = /\(?node:|node_modules|\(internal\/|<anonymous>\)?$|\(native\)/.test(line)
    return { text: line, kind: foreign ? 'foreign' : 'own' }
  })
}

/** folds groups runs of foreign frames, so that own ones stand out. */
export function folds(lines: TraceLine[]): { lines: TraceLine[]; folded: boolean }[] {
  const out: { lines: TraceLine[]; folded: boolean }[] = []
  for (const l of lines) {
    const folded = l.kind === 'foreign'
    const last = out.at(-1)
    if (last && last.folded === folded) last.lines.push(l)
    else out.push({ lines: [l], folded })
  }
  // One frame is not worth a fold.
  return out.map((g) => (g.folded && g.lines.length < 2 ? { lines: g.lines, folded: false } : g))
}

/** paths cuts a sentence around the paths in it. */
export function paths(text: string): Piece[] {
  return text.split(/((?:\.{1,2}|(?<![\w:/]))\/[\w@.\/-]{1,300}[\w\/])/).map((t, i) => (i % 2 ? { text: t, strong: true } : { text: t })).filter((p) => p.text !== '')
}

/** base is the last part of a path. */
export function base(path: string): string {
  return path.split('/').filter(Boolean).pop() ?? path
}
