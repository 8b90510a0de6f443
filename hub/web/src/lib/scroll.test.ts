import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { restoreScroll, trackScroll } from './scroll'

const entry = vi.hoisted(() => ({ at: 0 }))
vi.mock('./route.svelte', () => ({
  route: {
    get entry() {
      return entry.at
    },
  },
}))

/** A window with a page that extends so many pixels beyond it. */
let length = 0
let observers: { grow: () => void; disconnected: boolean }[] = []
let stop = () => {}
const events = new EventTarget()

beforeEach(() => {
  vi.useFakeTimers()
  observers = []
  vi.stubGlobal('scrollY', 0)
  vi.stubGlobal('scrollTo', (_: number, y: number) => {
    vi.stubGlobal('scrollY', Math.min(y, length))
    events.dispatchEvent(new Event('scroll'))
  })
  vi.stubGlobal('addEventListener', events.addEventListener.bind(events))
  vi.stubGlobal('removeEventListener', events.removeEventListener.bind(events))
  vi.stubGlobal('document', { body: {} })
  vi.stubGlobal(
    'ResizeObserver',
    class {
      disconnected = false
      constructor(readonly grow: () => void) {
        observers.push(this)
      }
      observe() {}
      disconnect() {
        this.disconnected = true
      }
    },
  )
  stop = trackScroll()
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

function grow(to: number) {
  length = to
  for (const o of observers) if (!o.disconnected) o.grow()
}

/** Scrolls entry 1 to 3000, goes to entry 2 and comes back to a page that is short at first. */
function comeBack() {
  entry.at = 1
  grow(9000)
  scrollTo(0, 3000)
  entry.at = 2
  scrollTo(0, 0)
  entry.at = 1
  length = 100
  restoreScroll()
}

test('the scroll position is restored once the page is long enough, and then left alone', () => {
  comeBack()
  grow(500)
  expect(scrollY).toBe(500)
  // That the browser scrolls because the page is short does not change the position.
  grow(6000)
  expect(scrollY).toBe(3000)
  scrollTo(0, 10)
  grow(8000)
  expect(scrollY).toBe(10)
})

test.each(['wheel', 'touchmove', 'pointerdown', 'keydown', 'hashchange'])('%s ends it', (event) => {
  comeBack()
  events.dispatchEvent(new Event(event))
  grow(6000)
  expect(scrollY).toBe(0)
})

test('a page that stays too short is given up after five seconds', () => {
  comeBack()
  grow(500)
  vi.advanceTimersByTime(5000)
  grow(6000)
  expect(scrollY).toBe(500)
  expect(observers.every((o) => o.disconnected)).toBe(true)
})

test('only the latest entry to return to is restored', () => {
  comeBack()
  entry.at = 3
  restoreScroll()
  vi.advanceTimersByTime(4999)
  expect(observers.map((o) => o.disconnected)).toEqual([true, false])
  grow(6000)
  expect(scrollY).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})

test('nothing is noted once tracking has ended', () => {
  entry.at = 7
  grow(9000)
  stop()
  scrollTo(0, 4000)
  scrollTo(0, 0)
  restoreScroll()
  grow(9000)
  expect(scrollY).toBe(0)
})
