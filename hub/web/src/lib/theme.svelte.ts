// Colors for canvases, which know no style sheet. They are read from it, and
// again when the system turns light or dark.

import { untrack } from 'svelte'

const dark = matchMedia('(prefers-color-scheme: dark)')
let version = $state(0)
dark.addEventListener('change', () => version++)
let cache = new Map<string, string>()
let cached = 0

/** The value of a custom property of app.css; an effect that reads it runs again when it changes. */
export function color(name: string): string {
  const v = version
  return untrack(() => {
    if (cached !== v) {
      cache = new Map()
      cached = v
    }
    let value = cache.get(name)
    if (value === undefined) {
      value = getComputedStyle(document.documentElement)
        .getPropertyValue('--' + name)
        .trim()
      cache.set(name, value)
    }
    return value
  })
}

export function isDark(): boolean {
  void version
  return dark.matches
}

// Sequential maps of one lightness ramp each: in the light from pale to deep, in
// the dark from dim to bright, so that more always stands out more.
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
