// The small lines of visible rows. A few are requested at a time, and they are kept for
// a while, since rows come and go with scrolling.

import { ask, type Query } from '../../lib/hub.svelte'
import { Turns } from '../../lib/turns'
import type { Timeseries } from '../../lib/types'

const turns = new Turns(3)
const kept = new Map<string, { at: number; values: Promise<(number | null)[]> }>()

export function spark(query: Query, maxAge: number): Promise<(number | null)[]> {
  const key = JSON.stringify(query)
  const old = kept.get(key)
  if (old && Date.now() - old.at < maxAge) return old.values
  const values = turns.run(async () => (await ask<Timeseries>('/api/v1/timeseries', query)).body.p95)
  values.catch(() => kept.delete(key))
  if (kept.size > 600) kept.clear()
  kept.set(key, { at: Date.now(), values })
  return values
}

/** The step, of those that the hub has, that divides the window into about 40 points. */
export function sparkStep(minutes: number): number {
  return [10, 30, 60, 300, 900, 1800, 3600, 7200, 21_600].find((s) => (minutes * 60) / s <= 48) ?? 21_600
}
