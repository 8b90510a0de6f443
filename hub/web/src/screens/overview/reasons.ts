import { count } from '../../lib/format'

// dropReasons writes the counts of dropped requests by reason, the largest first.
export function dropReasons(counts: Record<string, number> | undefined): string {
  return Object.entries(counts ?? {})
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([reason, n]) => `${reason.replaceAll('_', ' ')} ${count(n)}`)
    .join(', ')
}
