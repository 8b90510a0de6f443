// The small lines of the rows in sight: asked for a few at a time, and kept for a
// while, since rows come and go with scrolling.

import { ask, type Query } from '../../lib/hub.svelte'
import type { Timeseries } from '../../lib/types'

const atOnce = 3
const kept = new Map<string, { at: number; values: Promise<(number | null)[]> }>()
const waiting: (() => void)[] = []
let running = 0

async function turn() {
  if (running < atOnce) running++
  else await new Promise<void>((go) => waiting.push(go))
}

function done() {
  const next = waiting.shift()
  if (next) next()
  else running--
}

export function spark(query: Query, maxAge: number): Promise<(number | null)[]> {
  const key = JSON.stringify(query)
  const old = kept.get(key)
  if (old && Date.now() - old.at < maxAge) return old.values
  const values = (async () => {
    await turn()
    try {
      return (await ask<Timeseries>('/api/v1/timeseries', query)).body.p95
    } catch (e) {
      kept.delete(key)
      throw e
    } finally {
      done()
    }
  })()
  if (kept.size > 600) kept.clear()
  kept.set(key, { at: Date.now(), values })
  return values
}

/** A step of the hub's that makes about 40 points of the window. */
export function sparkStep(minutes: number): number {
  return [10, 30, 60, 300, 900, 1800, 3600, 7200, 21_600].find((s) => (minutes * 60) / s <= 48) ?? 21_600
}
