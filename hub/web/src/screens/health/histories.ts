// Histories of visible checks. A few are requested at a time, and they are kept for a
// while, since rows come and go with scrolling.

import { address, ask, type Answer } from '../../lib/hub.svelte'
import type { Question } from '../../lib/live.svelte'
import { Turns } from '../../lib/turns'
import type { History } from '../../lib/types'

/** How many transitions a row shows. */
export const most = 40

const path = '/api/v1/health/history'
const turns = new Turns(3)
const kept = new Map<string, { at: number; answer: Answer<History> }>()

/** The history of a check, which is requested again when its state changes. */
export function history(name: string, hours: number, state: string): Question<History> {
  const query = { name, hours, limit: most }
  const often = hours > 24 ? 300_000 : 60_000
  const q: Question<History> = {
    key: `${address(path, query)} ${state}`,
    every: often,
    async ask(signal) {
      const old = kept.get(q.key)
      if (old && Date.now() - old.at < often / 2) return old.answer
      const answer = await turns.run(() => ask<History>(path, query, signal), signal)
      // The answer may date from just before the state changed.
      const present = answer.body.status === state
      q.every = present ? often : 15_000
      if (kept.size >= 100) kept.clear()
      if (present) kept.set(q.key, { at: Date.now(), answer })
      return answer
    },
  }
  return q
}
