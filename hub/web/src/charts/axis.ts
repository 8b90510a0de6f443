// Labels of axes.

import { clock, day, minute } from '../lib/format'

/** Labels for instants (Unix seconds) that are step seconds apart: midnight says which day begins. */
export function timeLabels(at: number[], step: number): string[] {
  return at.map((t) => {
    const ms = t * 1000
    if (step < 60) return clock(ms)
    const text = minute(ms)
    return text === '00:00' ? day(ms) : text
  })
}

/** 1, 2 and 5 of each power of ten between two values; powers alone if those were many. */
export function decades(low: number, high: number): number[] {
  const all: number[] = []
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
    for (const f of [1, 2, 5]) {
      const v = Number((f * 10 ** p).toPrecision(1))
      if (v >= low && v <= high) all.push(v)
    }
  }
  return all.length <= 8 ? all : all.filter((v) => /^0*\.?0*1/.test(String(v)))
}

/** What a line shows, in words, for those who cannot see it. */
export function inWords(values: (number | null)[], format: (v: number) => string): string {
  const known = values.filter((v): v is number => v !== null)
  if (known.length === 0) return 'no data'
  return `latest ${format(known[known.length - 1])}, lowest ${format(Math.min(...known))}, highest ${format(Math.max(...known))}`
}
