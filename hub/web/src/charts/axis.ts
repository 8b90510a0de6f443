// Labels of axes.

import { clock, day, minute } from '../lib/format'

/** Labels for instants (Unix seconds) that are step seconds apart; at midnight, the day. */
export function timeLabels(at: number[], step: number): string[] {
  return at.map((t) => {
    const ms = t * 1000
    if (step < 60) return clock(ms)
    const text = minute(ms)
    return text === '00:00' ? day(ms) : text
  })
}

/** A figure without trailing zeros: 2 s for 2.00 s. */
export function plain(figure: string): string {
  return figure.replace(/(\.\d*?)0+(?=\D|$)/, (_, digits: string) => (digits === '.' ? '' : digits))
}

const long = [60_000, 3_600_000, 86_400_000] // a minute, an hour and a day, in ms

/**
 * Marks between two durations (ms): 1, 2 and 5 times each power of ten, of minutes from a minute on,
 * and likewise of hours and days. If those are too many, only the powers.
 */
export function decades(low: number, high: number): number[] {
  const all: [mark: number, factor: number][] = []
  const units: [unit: number, from: number][] = [[1, 0], ...long.map((u): [number, number] => [u, u])]
  units.forEach(([unit, from], i) => {
    const end = Math.min(units[i + 1]?.[1] ?? Infinity, high)
    const least = Math.max(low, from)
    if (least > end) return
    for (let p = Math.floor(Math.log10(least / unit)); p <= Math.ceil(Math.log10(end / unit)); p++) {
      for (const f of [1, 2, 5]) {
        const v = Number((f * 10 ** p).toPrecision(1)) * unit
        if (v >= least && v <= high && (v < end || v === high)) all.push([v, f])
      }
    }
  })
  return all.filter(([, f]) => all.length <= 8 || f === 1).map(([v]) => v)
}

/** What a line shows, in words, for screen readers. */
export function inWords(values: (number | null)[], format: (v: number) => string): string {
  const known = values.filter((v): v is number => v !== null)
  if (known.length === 0) return 'no data'
  return `latest ${format(known[known.length - 1])}, lowest ${format(Math.min(...known))}, highest ${format(Math.max(...known))}`
}

/** A logarithmic scale from 1, 2 or 5 of a power of ten to another, around all values. */
export function logScale(columns: (number | null)[][]): {
  log: true
  low: number
  high: number
  splits: typeof decades
} {
  let least = Infinity
  let most = 0
  for (const v of columns.flat()) {
    if (v !== null && v > 0) {
      least = Math.min(least, v)
      most = Math.max(most, v)
    }
  }
  if (most === 0) return { log: true, low: 1, high: 1000, splits: decades }
  const round = (v: number, up: boolean) => {
    const power = 10 ** Math.floor(Math.log10(v))
    const factors = up ? [1, 2, 5, 10] : [5, 2, 1]
    const f = factors.find((x) => (up ? v <= x * power * 1.0001 : v >= x * power)) ?? 1
    return Number((f * power).toPrecision(1))
  }
  const low = round(least, false)
  const high = round(most, true)
  return { log: true, low, high: high > low ? high : low * 2, splits: decades }
}
