import type { Incident, LogRecord } from './api/client'
import { ms } from './time'

/** incidentAt finds the incident that a time lies in, with half a minute before it. */
export function incidentAt(list: Incident[], t: number): Incident | null {
  if (Number.isNaN(t)) return null
  return list.find((i) => t >= ms(i.start) - 30_000 && (i.ongoing || t <= ms(i.end) + 5_000)) ?? null
}

/** inQuery says whether a record is among those that the query shows; true if there is no query. */
export function inQuery(shown: Set<string> | null, r: LogRecord): boolean {
  return shown === null || shown.has(`${r.source}:${r.seq}`)
}
