// From the hub's columns to what charts draw.

import type { Columns, Timeseries } from './types'

/** How much of step i lies in the window, in seconds: the first and the last are cut. */
function covered(at: number, step: number, window: { from: number; to: number }): number {
  return (Math.min(at + step * 1000, window.to) - Math.max(at, window.from)) / 1000
}

/** Requests a second. A last step that has hardly begun says nothing yet. */
export function rates(s: Columns, step: number): (number | null)[] {
  return s.requests.map((n, i) => {
    const seconds = covered(s.at[i], step, s.window)
    return seconds < Math.min(step / 2, 2) ? null : n / seconds
  })
}

export function errorRates(s: Columns, of: number[] = s.errors): (number | null)[] {
  return s.requests.map((n, i) => (n === 0 ? null : of[i] / n))
}

/** Values of the window before, laid over the present one. */
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

/** A status code's class, 5xx for 503; what is none is other. */
export function classOf(status: string): string {
  return /^[1-5]\d\d$/.test(status) ? status[0] + 'xx' : 'other'
}

export const classColor: Record<string, string> = {
  '1xx': 's0', '2xx': 's2', '3xx': 's3', '4xx': 's4', '5xx': 's5', other: 's0',
}

/**
 * Where the data begin, if they begin within the window: a hub that was just started, or a service
 * that is new. Null if there were requests all along, as far as is known.
 */
export function began(s: Timeseries): number | null {
  if (!s.previous || s.previous.total.requests > 0) return null
  const first = s.requests.findIndex((n) => n > 0)
  return first > 0 ? s.at[first] : null
}

/** From when on to draw: what has just begun would be a sliver at the edge of the whole window. */
export function viewFrom(s: Timeseries): number {
  const first = began(s)
  return first === null ? s.window.from : Math.max(s.window.from, Math.min(first - s.step * 1000, s.window.to - 90_000))
}
