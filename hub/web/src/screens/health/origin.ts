// Where checks come from, in words.

import type { ListedCheck } from '../../lib/types'

const words: Record<string, string> = {
  file: 'From the hub’s configuration',
  api: 'Added over the API',
  service: 'From a service’s heartbeats',
  'built-in': 'A check of the hub itself',
}

export function originOf(check: Pick<ListedCheck, 'origin' | 'target'>): string {
  const from = words[check.origin] ?? check.origin
  return check.target ? `${from}: ${check.target}` : from
}
