// The API, with the types that its own description gives.
import type { components, operations } from './schema'

type Schemas = components['schemas']
export type Incident = Schemas['Incident']
export type Evidence = Schemas['Evidence']
export type ChainLink = Schemas['ChainLink']
export type Cause = Schemas['Cause']
export type Prevention = Schemas['Prevention']
export type RuledOut = Schemas['RuledOut']
export type Timeline = Schemas['Timeline']
export type Mark = Schemas['Mark']
export type LogRecord = Schemas['Record']
export type SourceState = Schemas['SourceState']
export type UpstreamState = Schemas['UpstreamState']
export type Status = Schemas['StatusOutBody']
export type SearchResult = Schemas['SearchOutBody']
export type Histogram = Schemas['HistogramOutBody']
export type Facet = Schemas['FacetGroup']
export type Health = Schemas['HealthOutBody']
export type Counts = Schemas['Counts']

/** What went wrong, with the sentence that the service gave. */
export class APIError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
  /** nothing answered at all */
  get offline(): boolean {
    return this.status === 0
  }
}

type Params = Record<string, string | number | boolean | string[] | undefined>

function address(path: string, params: Params = {}): string {
  const q = new URLSearchParams()
  for (const [k, v] of Object.entries(params)) {
    if (v === undefined || v === '' || v === false) continue
    q.set(k, Array.isArray(v) ? v.join(',') : String(v))
  }
  const s = q.toString()
  return s ? `/api/${path}?${s}` : `/api/${path}`
}

async function get<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  let res: Response
  try {
    res = await fetch(address(path, params), { signal: signal ?? null, headers: { Accept: 'application/json' } })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new APIError(0, 'The service does not answer.')
  }
  if (!res.ok) throw new APIError(res.status, await sentence(res))
  return (await res.json()) as T
}

async function sentence(res: Response): Promise<string> {
  try {
    const b = (await res.json()) as { detail?: string; errors?: { message?: string }[] }
    return [b.detail, ...(b.errors ?? []).map((e) => e.message)].filter(Boolean).join(' ') || `The service answered ${res.status}.`
  } catch {
    return `The service answered ${res.status}.`
  }
}

type Query<K extends keyof operations> = NonNullable<operations[K]['parameters']['query']>

export interface Range {
  q: string
  since?: string
  until?: string
}

const record = (source: string, seq: number) => `records/${encodeURIComponent(source)}/${seq}`

export const api = {
  health: () => get<Health>('health'),
  incidents: (p: Query<'list-incidents'> = {}) => get<{ incidents: Incident[] }>('incidents', p).then((r) => r.incidents),
  incident: (id: string, signal?: AbortSignal) => get<Incident>(`incidents/${encodeURIComponent(id)}`, {}, signal),
  timeline: (id: string, signal?: AbortSignal) => get<Timeline>(`incidents/${encodeURIComponent(id)}/timeline`, {}, signal),
  status: (hours: number) => get<Status>('status', { hours }),
  sources: () => get<{ sources: SourceState[] }>('sources').then((r) => r.sources),
  search: (p: Range & { order?: 'newest' | 'oldest'; limit?: number; cursor?: string }, signal?: AbortSignal) => get<SearchResult>('search', { ...p }, signal),
  histogram: (p: Range & { by: string; bins: number }, signal?: AbortSignal) => get<Histogram>('histogram', { ...p }, signal),
  facets: (p: Range & { fields?: string[]; top?: number }, signal?: AbortSignal) => get<{ facets: Facet[] }>('facets', { ...p }, signal).then((r) => r.facets),
  record: (source: string, seq: number, signal?: AbortSignal) => get<LogRecord>(record(source, seq), {}, signal),
  surroundings: (source: string, seq: number, span: string, limit: number, signal?: AbortSignal) =>
    get<{ records: LogRecord[] }>(`${record(source, seq)}/surroundings`, { span, limit }, signal).then((r) => r.records),
  reportURL: (id: string, p: { format: 'md' | 'html' | 'json'; hide_clients?: boolean; tz?: string; download?: boolean }) =>
    address(`incidents/${encodeURIComponent(id)}/report`, { ...p }),
  rawURL: (source: string, seq: number) => address(`${record(source, seq)}/raw`),
  tailURL: (q: string) => address('tail', { q }),
  async signIn(token: string): Promise<void> {
    const res = await fetch('/api/session', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }) })
    if (!res.ok) throw new APIError(res.status, await sentence(res))
  },
}
