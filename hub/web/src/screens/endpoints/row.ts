import type { Endpoint } from '../../lib/types'

/** An endpoint, with values that the table uses often. */
export type Row = Endpoint & { key: string; name: string; search: string }

export function toRow(e: Endpoint): Row {
  const name = `${e.endpoint} ${e.method} ${e.service}`
  return { ...e, key: JSON.stringify([e.service, e.method, e.endpoint]), name, search: name.toLowerCase() }
}
