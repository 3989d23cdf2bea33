import { api, type Incident, type LogRecord } from './api/client'
import { iso, ms } from './time'
import { placed } from './timeline'

/** incidentAt finds the incident that a time lies in, with half a minute before it. */
export function incidentAt(list: Incident[], t: number): Incident | null {
  if (Number.isNaN(t)) return null
  return list.find((i) => t >= ms(i.start) - 30_000 && (i.ongoing || t <= ms(i.end) + 5_000)) ?? null
}

/** inQuery says whether a record is among those that the query shows; true if there is no query. */
export function inQuery(shown: Set<string> | null, r: LogRecord): boolean {
  return shown === null || shown.has(`${r.source}:${r.seq}`)
}

/** twins are the same line in two logs: the journal, syslog and a manager's own log often share one. */
export function twins(a: LogRecord, b: LogRecord): boolean {
  return a.message !== '' && a.message === b.message && a.source !== b.source && Math.abs(ms(a.time) - ms(b.time)) < 100
}

/** Where a record stands in time: as its log says, as its neighbours bound it, or where an incident that rests on it puts it. */
export interface Place {
  t: number // NaN if nothing says
  by: 'log' | 'neighbours' | 'incident' | ''
  incident: Incident | null
}

/** placeOf finds out where a record stands in time. */
export function placeOf(list: Incident[], r: LogRecord): Place {
  const t = ms(r.time ?? r.not_before ?? r.not_after)
  if (!Number.isNaN(t)) return { t, by: r.time ? 'log' : 'neighbours', incident: incidentAt(list, t) }
  for (const incident of list) {
    const at = placed(incident, r.source, r.seq)
    if (!Number.isNaN(at)) return { t: at, by: 'incident', incident }
  }
  return { t: NaN, by: '', incident: null }
}

/**
 * surroundings asks for what stood around a record. The service knows no place for a
 * record without a time but among its own source; an incident may know one.
 */
export async function surroundings(r: LogRecord, place: Place, span: string, limit: number, signal?: AbortSignal): Promise<LogRecord[]> {
  if (place.by !== 'incident') return api.surroundings(r.source, r.seq, span, limit, signal)
  const half = Number.parseInt(span, 10) * 1000
  const { records } = await api.search({ q: '', since: iso(place.t - half), until: iso(place.t + half), order: 'oldest', limit }, signal)
  const at = records.findIndex((x) => ms(x.time ?? x.not_before) > place.t)
  records.splice(at < 0 ? records.length : at, 0, r)
  return records
}
