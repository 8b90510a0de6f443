// An answer of the hub that keeps itself up to date: it is requested again when the
// question changes, at intervals, and when the hub or the page comes back.

import { untrack } from 'svelte'
import { failing } from './failing.svelte'
import { hub, Problem, type Answer } from './hub.svelte'

export interface Question<T> {
  /** Questions with the same key are the same. */
  key: string
  ask: (signal: AbortSignal) => Promise<Answer<T>>
  /** The interval at which it is asked again, in milliseconds; null is never. */
  every: number | null
}

export class Live<T> {
  data = $state.raw<T | null>(null)
  headers = $state.raw<Headers | null>(null)
  /** Why there is no data. The banner reports data that could not be refreshed. */
  error = $state<string | null>(null)
  /** Whether the data is the answer to an earlier question. */
  stale = $state(false)
  at = $state(0)

  #timer: ReturnType<typeof setTimeout> | undefined
  #flight: AbortController | undefined
  #question: Question<T> | null = null
  #key: string | null = null
  /** When the current question began to fail. */
  #failed: number | null = null

  constructor(question: () => Question<T> | null) {
    // The question is computed whenever the address changes, and is mostly the same, so
    // it is asked only if its key differs.
    const present = $derived(question())
    const key = $derived(present?.key ?? null)
    const every = $derived(present?.every ?? null)
    $effect(() => {
      void [key, every, hub.recovered]
      untrack(() => this.#begin(present))
      const shown = () => {
        if (!document.hidden && this.#wanting) void this.#run()
      }
      document.addEventListener('visibilitychange', shown)
      return () => {
        document.removeEventListener('visibilitychange', shown)
        failing.drop(this)
        this.#stop()
      }
    })
  }

  again() {
    void this.#run()
  }

  /** Whether to ask again without a reason: a question without an interval is answered once. */
  get #wanting(): boolean {
    return this.#question?.every != null || this.data === null || this.stale || this.#failed !== null
  }

  #begin(q: Question<T> | null) {
    this.#question = q
    if (q === null) return
    if (q.key !== this.#key) {
      this.#key = q.key
      this.#failed = null
      this.stale = this.data !== null
    }
    if (this.#wanting) void this.#run()
  }

  #stop() {
    clearTimeout(this.#timer)
    this.#flight?.abort()
  }

  async #run() {
    this.#stop()
    const q = this.#question
    if (q === null) return
    const flight = (this.#flight = new AbortController())
    try {
      const { body, headers } = await q.ask(flight.signal)
      if (flight.signal.aborted) return
      this.data = body
      this.headers = headers
      this.error = null
      this.stale = false
      this.at = Date.now()
      this.#failed = null
      failing.drop(this)
    } catch (e) {
      if (flight.signal.aborted) return
      this.#fail(e)
    }
    if (q.every !== null && !document.hidden) {
      this.#timer = setTimeout(() => void this.#run(), q.every)
    }
  }

  #fail(e: unknown) {
    const reason = e instanceof Error ? e.message : String(e)
    this.#failed ??= Date.now()
    // While the hub is gone, the last answer stays. Once the hub has refused this
    // question, the answer to an earlier one must not pass for its answer.
    if (this.stale && !(e instanceof Problem && e.gone)) {
      this.data = this.headers = null
      this.stale = false
    }
    this.error = this.data === null ? reason : null
    if (this.data !== null) failing.set(this, { since: this.#failed, reason, again: () => this.again() })
  }
}
