// The details of a check's run, in words.

import { bytes, count, duration } from '../../lib/format'

export interface Detail {
  name: string
  text: string
}

/** Such as free, 72.9 GB for free_bytes: 72862474240. Lists and objects are left out. */
export function detailsOf(details: Record<string, unknown> | undefined): Detail[] {
  return Object.entries(details ?? {}).flatMap(([key, value]) => {
    if (value === null || typeof value === 'object') return []
    const [, words, unit] = key.match(/^(.*?)(?:_(bytes|ms))?$/)!
    const name = words.replaceAll('_', ' ')
    return [{ name: name[0]?.toUpperCase() + name.slice(1), text: textOf(value, unit) }]
  })
}

function textOf(value: unknown, unit: string | undefined): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value !== 'number') return String(value)
  if (unit === 'bytes') return bytes(value)
  if (unit === 'ms') return duration(value)
  return Number.isInteger(value) ? count(value) : String(value)
}
