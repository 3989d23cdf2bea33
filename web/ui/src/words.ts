// The words of verdicts, phases, roles and severities.
import type { Incident } from './api/client'

export const verdicts: Record<string, string> = {
  oom_kill: 'killed for memory',
  memory_limit: 'over its manager’s memory limit',
  heap_oom: 'JavaScript heap full',
  module_not_found: 'a module is missing',
  startup_error: 'cannot start',
  port_in_use: 'its port was taken',
  wrong_address: 'listens elsewhere',
  uncaught_exception: 'died of its own error',
  native_crash: 'crashed',
  exited: 'left without last words',
  killed: 'killed, sender unknown',
  dependency_refused: 'what it needs was down',
  dependency_timeout: 'what it needs was slow',
  dependency_exhausted: 'no connection left to what it needs',
  app_answered: 'the app itself answered 5xx',
  hang_timeout: 'alive, but did not answer',
  keepalive_race: 'reused connections were reset',
  bad_response: 'a response nginx cannot use',
  planned_restart: 'restarted on order',
  restart_unexplained: 'restarted, nobody knows why',
  host_reboot: 'the machine went down',
  host_stall: 'the machine stood still',
  nginx_down: 'nginx was down',
  stale_upstream: 'an address that is gone',
  remote_upstream: 'the upstream is on another machine',
  tls_upstream: 'TLS to the upstream failed',
  dns: 'its name did not resolve',
  socket_missing: 'no socket',
  socket_permission: 'nginx may not use the socket',
  disk_full: 'disk full',
  fd_exhaustion: 'out of descriptors',
  net_drop: 'the network dropped it',
  inconclusive: 'we do not know why',
}

/** verdict says a verdict in words; a finer one says what its parent says. */
export function verdict(v: string): string {
  for (let k = v; k; k = k.slice(0, Math.max(k.lastIndexOf('_'), 0))) {
    const w = verdicts[k]
    if (w) return w
  }
  return v.replaceAll('_', ' ')
}

/** keeps says why it is still down. */
export function keeps(k: string): string {
  return { still_broken: 'It starts again and breaks again.', gave_up: 'Its manager has given up. It will not come back by itself.', not_started: 'It was not started again.' }[k] ?? ''
}

export interface Phase {
  key: 'timed_out' | 'reset' | 'refused' | 'other'
  word: string
  errno: string
  n: number
}

/** phases sums nginx's phases into the four that are drawn. */
export function phases(inc: Incident): Phase[] {
  const p = inc.failures.by_phase
  const list: Phase[] = [
    { key: 'timed_out', word: 'Timed out', errno: '110', n: p.connect_timeout + p.read_timeout },
    { key: 'reset', ...cut(inc), n: p.reset + p.closed_early },
    { key: 'refused', word: 'Refused', errno: '111', n: p.refused },
    { key: 'other', word: otherWord(inc), errno: '', n: p.no_live + p.tls + p.bad_response + p.socket + p.dns + p.none },
  ]
  return list.filter((x) => x.n > 0)
}

/** cut says how connections were cut off: reset, or closed before the answer was whole. */
export function cut(inc: Incident): { word: string; errno: string } {
  const p = inc.failures.by_phase
  if (p.closed_early === 0) return { word: 'Reset', errno: '104' }
  return { word: p.reset === 0 ? 'Closed early' : 'Reset or closed', errno: '' }
}

function otherWord(inc: Incident): string {
  const p = inc.failures.by_phase
  const parts: [number, string][] = [
    [p.no_live, 'No live server'], [p.tls, 'TLS failed'], [p.bad_response, 'Bad response'], [p.socket, 'Socket failed'], [p.dns, 'No address'], [p.none, 'No error line'],
  ]
  const there = parts.filter(([n]) => n > 0)
  return there.length === 1 ? there[0]![1] : 'Other'
}

/** statuses is "264 with 502, 49 with 504". */
export function statuses(inc: Incident): string {
  const l = Object.entries(inc.failures.status).sort((a, b) => b[1] - a[1])
  if (l.length === 1) return `all with ${l[0]![0]}`
  return l.map(([s, n]) => `${count(n)} with ${s}`).join(', ')
}

const numbers = new Intl.NumberFormat('en-GB', { useGrouping: true })
/** count writes a number with thin spaces between thousands. */
export function count(n: number): string {
  return n < 10_000 ? String(n) : numbers.format(n).replaceAll(',', '\u202f')
}

/** whole is "313 of 313", or the number alone where the whole is not known. */
export function whole(n: number, of: number): string {
  return of >= n && of > 0 ? `${count(n)} of ${count(of)}` : count(n)
}

/** bytes is 312 MB. */
export function bytes(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toFixed(1)} GB`
  if (n >= 1e6) return `${Math.round(n / 1e6)} MB`
  if (n >= 1e3) return `${Math.round(n / 1e3)} kB`
  return `${n} bytes`
}

/** severities are syslog's, by number */
export const severities = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug']

/** level is the severity in words, and which of four marks it has. */
export function level(severity: string): { word: string; mark: 'fatal' | 'error' | 'warning' | 'info' | 'none' } {
  // Facets count severities by syslog's number.
  const named = severities[Number(severity || NaN)]
  switch (named ?? severity) {
    case 'emerg':
    case 'alert':
    case 'crit':
      return { word: 'fatal', mark: 'fatal' }
    case 'error':
      return { word: 'error', mark: 'error' }
    case 'warning':
      return { word: 'warning', mark: 'warning' }
    case '':
      return { word: 'no level', mark: 'none' }
  }
  return { word: named ?? severity, mark: 'info' }
}

/** ruled names what was ruled out. */
export function ruled(kind: string, entity: string): string {
  const names: Record<string, string> = {
    deploy: 'A deploy', host_memory: 'The whole host out of memory', nginx_down: 'nginx or the network', nginx: 'nginx itself', dependency_refused: 'What it needs', dependency_timeout: 'What it needs',
    oom_kill: 'The kernel’s out-of-memory killer', host_reboot: 'A reboot', disk_full: 'A full disk', planned_restart: 'A restart on order',
  }
  const w = names[kind] ?? verdict(kind).replace(/^./, (c) => c.toUpperCase())
  return /^What it needs/.test(w) && entity ? `${w}: ${entity}` : w
}

/** summary is what is copied into a chat. */
export function summary(inc: Incident, url: string, from: string, to: string): string {
  const f = inc.failures
  const lines = [inc.title, `${whole(f.requests_failed, f.of)} requests failed (${statuses(inc)}), ${from} to ${inc.ongoing ? 'now' : to}.`]
  if (inc.known_to) lines.push(`Known: ${inc.known_to}.`)
  const fix = inc.prevention.find((p) => p.command)
  if (fix) lines.push(`${fix.text}: ${fix.command}`)
  lines.push(url)
  return lines.join('\n')
}
