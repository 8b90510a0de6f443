// How a check has been, as stretches of time.

import type { History } from '../../lib/types'

export interface Stretch {
  from: number
  to: number
  status: string
  reason: string
}

export const ranges = [
  { hours: 24, label: '24 h' },
  { hours: 168, label: '7 days' },
  { hours: 720, label: '30 days' },
  { hours: 2160, label: '90 days' },
]

/**
 * The stretches of a history, the earliest first. Where the known time begins is not
 * said, but how much of the window is known is: what the transitions do not
 * account for comes before the first of them.
 */
export function stretches(h: History): Stretch[] {
  const from = Date.parse(h.window.from)
  const to = Date.parse(h.window.to)
  const known = ((to - from) * h.known_percent) / 100
  if (h.transitions.length === 0) {
    return known > 0 ? [{ from: Math.max(from, to - known), to, status: h.status, reason: '' }] : []
  }
  const later = h.transitions.map((t) => {
    const at = Date.parse(t.at)
    return { from: at, to: Math.min(at + t.lasted_ms, to), status: t.to, reason: t.reason }
  }).reverse()
  const rest = known - later.reduce((sum, s) => sum + (s.status === 'unknown' ? 0 : s.to - s.from), 0)
  const oldest = h.transitions[h.transitions.length - 1]
  const cut = h.transitions_total > h.transitions.length
  if (oldest.from !== 'unknown' && rest > 0 && !cut) {
    later.unshift({ from: Math.max(from, later[0].from - rest), to: later[0].from, status: oldest.from, reason: '' })
  }
  return later
}

/** Uptime never reads 100 % when it was not. */
export function uptime(percent: number | null | undefined): string {
  if (percent == null) return 'unknown'
  if (percent === 100) return '100\u202f%'
  return (percent > 99.99 ? '>\u202f99.99' : percent.toFixed(percent > 99 ? 2 : 1)) + '\u202f%'
}
