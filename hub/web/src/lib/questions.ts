// What screens ask the hub, as questions that keep themselves up to date.

import { address, ask, type Query } from './hub.svelte'
import type { Question } from './live.svelte'

export function question<T>(path: string, query: Query, every: number | null, also: number[] = []): Question<T> {
  return { key: address(path, query), every, ask: (signal) => ask<T>(path, query, signal, also) }
}
