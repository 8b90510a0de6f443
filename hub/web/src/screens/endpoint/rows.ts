// The rows of durations into which the hub puts requests. Each is the same multiple
// of the one before; but the first has all that is shorter, too.

import { duration } from '../../lib/format'

/**
 * The edges to draw rows between, on a logarithmic scale. The first row begins at 0, where such a
 * scale has no place: it is drawn as high as the others.
 */
export function edges(bounds: number[]): number[] {
  if (bounds.length === 0) return [1, 1000]
  const ratio = bounds.length > 1 ? bounds[1] / bounds[0] : 2 ** 0.25
  return [bounds[0] / ratio, ...bounds]
}

/** What a request of a row took, in words. */
export function took(bounds: number[], row: number): string {
  const most = duration(bounds[row])
  return row === 0 ? `at most ${most}` : `${duration(bounds[row - 1])} to ${most}`
}
