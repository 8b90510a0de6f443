// What stands on the screen though it could not be refreshed: its questions
// failed when they were asked last. The banner says so for all of them.

export interface Failure {
  /** The first of its failures since it was answered. */
  since: number
  reason: string
  again: () => void
}

let failures = $state.raw<ReadonlyMap<object, Failure>>(new Map())

export const failing = {
  /** The one that has failed for longest; null if all is as the hub says. */
  get first(): Failure | null {
    return [...failures.values()].sort((a, b) => a.since - b.since)[0] ?? null
  },
  set(who: object, failure: Failure) {
    failures = new Map(failures).set(who, failure)
  },
  /** It was answered, is being asked anew, or is no longer on the screen. */
  drop(who: object) {
    if (!failures.has(who)) return
    const left = new Map(failures)
    left.delete(who)
    failures = left
  },
  again() {
    for (const f of failures.values()) f.again()
  },
}
