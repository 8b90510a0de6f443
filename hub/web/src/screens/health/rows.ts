// The rows of the Health screen: what the hub checks, and the checks that services
// make of themselves.

import type { Check, HealthAnswer } from '../../lib/types'

export interface Row {
  name: string
  check: Check
  /** Whether the hub keeps its history. */
  kept: boolean
}

interface Said {
  status: string
  response_time_ms?: number
  reason?: string
}

export function rowsOf(answer: HealthAnswer | null): Row[] {
  return Object.entries(answer?.checks ?? {}).flatMap(([name, check]) => [
    { name, check, kept: true },
    ...within(name, check),
  ])
}

/**
 * A service's own checks are in its details. Those that it reports to the hub are objects. Of those
 * that the hub reads from its health page, only the status is known.
 */
function within(service: string, c: Check): Row[] {
  const own = c.details?.checks as Record<string, string | Said> | undefined
  if (typeof own !== 'object' || own === null) return []
  return Object.entries(own).map(([name, said]) => {
    const o: Said = typeof said === 'string' ? { status: said } : said
    const state = o.status as Check['state']
    return {
      name: `${service}/${name}`,
      check: {
        service: name,
        status: state === 'unknown' ? 'degraded' : state,
        state,
        response_time_ms: o.response_time_ms ?? 0,
        reason: o.reason,
        details: {},
      },
      kept: typeof said !== 'string',
    }
  })
}
