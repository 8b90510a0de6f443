// How far each entry of the history was scrolled. A browser goes back to that at
// once, when the screen has yet to ask for what makes it so long.

import { route } from './route.svelte'

const positions = new Map<number, number>()

/** Notes how far each entry is scrolled, until the function that it returns is called. */
export function trackScroll(): () => void {
  const note = () => void positions.set(route.entry, scrollY)
  addEventListener('scroll', note, { passive: true })
  return () => removeEventListener('scroll', note)
}

let stop = () => {}

/** Scrolls to where this entry was as soon as the screen is long enough, unless someone scrolls before. */
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
