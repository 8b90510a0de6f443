import type { Endpoint } from '../../lib/types'

/** An endpoint with what the table needs of it again and again. */
export type Row = Endpoint & { key: string; name: string; search: string }

export function toRow(e: Endpoint): Row {
  const name = `${e.endpoint} ${e.method} ${e.service}`
  return { ...e, key: JSON.stringify([e.service, e.method, e.endpoint]), name, search: name.toLowerCase() }
}
