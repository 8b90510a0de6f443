// An answer of the hub that keeps itself up to date: it is asked for again when
// the question changes, every so often, and when the hub or the page comes back.

import { untrack } from 'svelte'
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
  error = $state<string | null>(null)
  /** Whether the data answer an earlier question than the present one. */
  stale = $state(false)
  at = $state(0)

  #timer: ReturnType<typeof setTimeout> | undefined
  #flight: AbortController | undefined
  #question: Question<T> | null = null
  #key = ''

  constructor(question: () => Question<T> | null) {
    $effect(() => {
      const q = question()
      void hub.recovered
      this.#question = q
      if (q === null) {
        this.#stop()
        return
      }
      if (q.key !== this.#key) {
        this.#key = q.key
        this.stale = untrack(() => this.data !== null)
      }
      untrack(() => void this.#run())
      const shown = () => !document.hidden && void this.#run()
      document.addEventListener('visibilitychange', shown)
      return () => {
        document.removeEventListener('visibilitychange', shown)
        this.#stop()
      }
    })
  }

  again() {
    void this.#run()
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
    } catch (e) {
      if (flight.signal.aborted) return
      // What was seen last stays; the banner says that the hub is gone.
      const gone = e instanceof Problem && e.status === 0 && this.data !== null
      this.error = gone ? null : e instanceof Error ? e.message : String(e)
    }
    if (q.every !== null && !document.hidden) {
      this.#timer = setTimeout(() => void this.#run(), q.every)
    }
  }
}
