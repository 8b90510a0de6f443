// Colors for canvases, which have no style sheet. They are read from the page's, and
// again when the system changes between light and dark.

import { untrack } from 'svelte'
import { MediaQuery } from 'svelte/reactivity'

let dark: MediaQuery | undefined

/** Whether the system is dark. Effects that read it run again when that changes. */
export function isDark(): boolean {
  dark ??= new MediaQuery('(prefers-color-scheme: dark)')
  return dark.current
}

const cache = { dark: false, colors: new Map<string, string>() }

/** The value of a custom property of app.css. Effects that read it run again when it changes. */
export function color(name: string): string {
  const now = isDark()
  return untrack(() => {
    if (cache.dark !== now) {
      cache.dark = now
      cache.colors.clear()
    }
    let value = cache.colors.get(name)
    if (value === undefined) {
      value = getComputedStyle(document.documentElement)
        .getPropertyValue('--' + name)
        .trim()
      cache.colors.set(name, value)
    }
    return value
  })
}

// Sequential color maps, each a ramp of lightness: from pale to deep in light mode, from
// dim to bright in dark mode, so that more always stands out more.
const light = ['#e4eff7', '#c3dcee', '#97c3e2', '#62a4d1', '#2f83bd', '#0c629f', '#034678', '#012a4d']
const deep = ['#12293a', '#153e59', '#165a82', '#1c7bad', '#3f9fcf', '#7cc1e0', '#bbe0ea', '#f4fbf3']

export function ramp(): string[] {
  const stops = (isDark() ? deep : light).map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)))
  return Array.from({ length: 64 }, (_, i) => {
    const at = (i / 63) * (stops.length - 1)
    const low = Math.min(Math.floor(at), stops.length - 2)
    const mixed = stops[low].map((c, k) => Math.round(c + (stops[low + 1][k] - c) * (at - low)))
    return `rgb(${mixed.join(',')})`
  })
}
