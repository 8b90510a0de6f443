// The questions whose answers are on the screen but could not be refreshed. The
// banner reports them together.

export interface Failure {
  /** When it first failed after it was last answered. */
  since: number
  reason: string
  again: () => void
}

let failures = $state.raw<ReadonlyMap<object, Failure>>(new Map())

export const failing = {
  /** The one that has failed for longest; null if everything is up to date. */
  get first(): Failure | null {
    return [...failures.values()].sort((a, b) => a.since - b.since)[0] ?? null
  },
  set(who: object, failure: Failure) {
    failures = new Map(failures).set(who, failure)
  },
  /** To be called when it is answered or asked again, or leaves the screen. */
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
