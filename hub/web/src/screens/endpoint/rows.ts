// The rows of durations into which the hub sorts requests. Each bound is the same
// multiple of the previous one; the first row also has all shorter durations.

import { duration } from '../../lib/format'

/**
 * The edges of the rows on a logarithmic scale. The first row begins at 0, which such a scale does
 * not have, so it is drawn as high as the others.
 */
export function edges(bounds: number[]): number[] {
  if (bounds.length === 0) return [1, 1000]
  const ratio = bounds.length > 1 ? bounds[1] / bounds[0] : 2 ** 0.25
  return [bounds[0] / ratio, ...bounds]
}

/** The durations of a row, in words. */
export function took(bounds: number[], row: number): string {
  const most = duration(bounds[row])
  return row === 0 ? `at most ${most}` : `${duration(bounds[row - 1])} to ${most}`
}
