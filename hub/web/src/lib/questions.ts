// What screens ask the hub, as questions that keep themselves up to date.

import { address, ask, type Query } from './hub.svelte'
import type { Question } from './live.svelte'

export function question<T>(path: string, query: Query, every: number | null, also: number[] = []): Question<T> {
  return { key: address(path, query), every, ask: (signal) => ask<T>(path, query, signal, also) }
}

/** The least that all services have to be asked for to know their names. */
export function servicesOf(rows: { service: string }[] | null | undefined): string[] {
  return [...new Set((rows ?? []).map((r) => r.service))].sort()
}
