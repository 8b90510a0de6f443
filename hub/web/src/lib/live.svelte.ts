// An answer of the hub that keeps itself up to date: it is asked for again when
// the question changes, every so often, and when the hub or the page comes back.

import { untrack } from 'svelte'
import { failing } from './failing.svelte'
import { hub, Problem, type Answer } from './hub.svelte'

export interface Question<T> {
  /** Equal keys are the same question. */
  key: string
  ask: (signal: AbortSignal) => Promise<Answer<T>>
  /** Milliseconds until it is asked again; null is never. */
  every: number | null
}

export class Live<T> {
  data = $state.raw<T | null>(null)
  headers = $state.raw<Headers | null>(null)
  /** Why there is no data. Where there is, and it could not be refreshed, the banner says so. */
  error = $state<string | null>(null)
  /** Whether the data answer an earlier question than the present one. */
  stale = $state(false)
  at = $state(0)

  #timer: ReturnType<typeof setTimeout> | undefined
  #flight: AbortController | undefined
  #question: Question<T> | null = null
  #key: string | null = null
  /** When asking the present question began to fail. */
  #failed: number | null = null

  constructor(question: () => Question<T> | null) {
    // What makes the question is read anew whenever the address changes, and is
    // mostly the same: only another key asks.
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

  /** Whether it is worth asking again by itself: what is asked once stays as it was answered. */
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
    // What was seen last stays while the hub is gone. Once it has answered that it
    // has no answer, that of another question would only pass for one.
    if (this.stale && !(e instanceof Problem && e.gone)) {
      this.data = this.headers = null
      this.stale = false
    }
    this.error = this.data === null ? reason : null
    if (this.data !== null) failing.set(this, { since: this.#failed, reason, again: () => this.again() })
  }
}
