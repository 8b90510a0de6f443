// The scroll position of each entry of the history. A browser restores it at once, when
// the screen does not have the data yet that makes it long enough.

import { route } from './route.svelte'

const positions = new Map<number, number>()

/** Notes the scroll position of each entry until the returned function is called. */
export function trackScroll(): () => void {
  const note = () => void positions.set(route.entry, scrollY)
  addEventListener('scroll', note, { passive: true })
  return () => removeEventListener('scroll', note)
}

let stop = () => {}

/** Restores this entry's scroll position once the screen is long enough, unless the user scrolls first. */
export function restoreScroll() {
  stop()
  const wanted = positions.get(route.entry) ?? 0
  const listening = new AbortController()
  const grown = new ResizeObserver(() => {
    scrollTo(0, wanted)
    if (Math.abs(scrollY - wanted) < 1) stop()
  })
  const timer = setTimeout(() => stop(), 5000)
  stop = () => {
    listening.abort()
    grown.disconnect()
    clearTimeout(timer)
  }
  for (const event of ['wheel', 'touchmove', 'pointerdown', 'keydown', 'hashchange']) {
    addEventListener(event, () => stop(), { passive: true, signal: listening.signal })
  }
  grown.observe(document.body)
}
