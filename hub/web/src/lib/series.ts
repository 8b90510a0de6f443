// Turns the hub's columns into what charts draw.

import type { Columns, Timeseries } from './types'

/**
 * Requests a second in each step, over the part of it that lies in the window and that the hub
 * knows. The rate of a step that has hardly begun is unknown.
 */
export function rates(s: Columns, step: number, known = 0): (number | null)[] {
  return s.requests.map((n, i) => {
    const seconds = (Math.min(s.at[i] + step * 1000, s.window.to) - Math.max(s.at[i], s.window.from, known)) / 1000
    return seconds < Math.min(step / 2, 2) ? null : n / seconds
  })
}

export function errorRates(s: Columns, of: number[] = s.errors): (number | null)[] {
  return s.requests.map((n, i) => (n === 0 ? null : of[i] / n))
}

/** Values of the previous window, shifted to the current one. */
export function overlaid(s: Timeseries, values: (number | null)[]): (number | null)[] {
  const out: (number | null)[] = s.at.map(() => null)
  const before = s.previous
  if (!before || before.total.requests === 0 || s.at.length === 0) return out
  const length = s.window.from - before.window.from
  before.at.forEach((t, i) => {
    const at = Math.round((t + length - s.at[0]) / (s.step * 1000))
    if (at >= 0 && at < out.length) out[at] = values[i]
  })
  return out
}

/** A status code's class, such as 5xx for 503, or other. */
export function classOf(status: string): string {
  return /^[1-5]\d\d$/.test(status) ? status[0] + 'xx' : 'other'
}

export const classColor: Record<string, string> = {
  '1xx': 's0',
  '2xx': 's2',
  '3xx': 's3',
  '4xx': 's4',
  '5xx': 's5',
  other: 's0',
}

/** Where the hub's data begins, if that is well within the window; null if it has all of it. */
export function began(s: Timeseries): number | null {
  return s.known_from - s.window.from > s.step * 1000 ? Math.min(s.known_from, s.window.to) : null
}

/** Where to begin drawing: in the whole window, data that has just begun would be a sliver at its edge. */
export function viewFrom(s: Timeseries): number {
  const first = began(s)
  return first === null ? s.window.from : Math.max(s.window.from, Math.min(first - s.step * 1000, s.window.to - 90_000))
}
