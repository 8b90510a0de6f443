// How far each entry of the history was scrolled. A browser goes back to that at
// once, when the screen has yet to ask for what makes it so long.

import { route } from './route.svelte'

const places = new Map<number, number>()
addEventListener('scroll', () => places.set(route.entry, scrollY), { passive: true })

let stop = () => {}

/** Scrolls to where this entry was as soon as the screen is long enough, unless someone scrolls before. */
export function restorePlace() {
  stop()
  const wanted = places.get(route.entry) ?? 0
  const given = new AbortController()
  const grown = new ResizeObserver(() => {
    scrollTo(0, wanted)
    if (Math.abs(scrollY - wanted) < 1) stop()
  })
  stop = () => {
    given.abort()
    grown.disconnect()
  }
  for (const event of ['wheel', 'touchmove', 'pointerdown', 'keydown', 'hashchange']) {
    addEventListener(event, stop, { passive: true, signal: given.signal })
  }
  setTimeout(stop, 5000)
  grown.observe(document.body)
}
