// The address is the state: #/screen?name=value. Whatever a screen shows follows
// from it, so that an address can be sent to someone else, and back means back.

import { readSpan } from './span'

export type Screen = 'overview' | 'endpoints' | 'endpoint' | 'requests' | 'health' | 'cardinality'
const screens: Screen[] = ['overview', 'endpoints', 'endpoint', 'requests', 'health', 'cardinality']

export type Changes = Record<string, string | number | null | undefined>

export interface Place {
  screen: Screen
  params: URLSearchParams
}

export function parse(hash: string): Place {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  return { screen: screens.find((s) => s === path) ?? 'overview', params: new URLSearchParams(query) }
}

/** The address of a screen. Empty values are left off, so that one view has one address. */
export function format(screen: Screen, params: URLSearchParams): string {
  const kept = new URLSearchParams()
  for (const [name, value] of params) if (value !== '') kept.set(name, value)
  const query = kept
    .toString()
    .replaceAll('%2F', '/')
    .replaceAll('%3A', ':')
    .replaceAll('%7B', '{')
    .replaceAll('%7D', '}')
  return `#/${screen}` + (query && '?' + query)
}

function rest(params: URLSearchParams): string {
  return String(new URLSearchParams([...params].filter(([name]) => name !== 'cursor')))
}

export function changed(params: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(params)
  for (const [name, value] of Object.entries(changes)) {
    if (value == null || value === '') next.delete(name)
    else next.set(name, String(value))
  }
  // A cursor belongs to the parameters that it was given for, whatever changes them.
  if (rest(next) !== rest(params)) next.delete('cursor')
  return next
}

let place = $state.raw(parse(location.hash))

// An entry of the history that was seen before bears a mark, and one that a link
// has just made does not: popstate comes for both.
let returned = false
let entry = marked() ?? mark()
function marked(): number | undefined {
  return (history.state as { entry?: number } | null)?.entry
}
function mark(): number {
  const at = Date.now()
  history.replaceState({ entry: at }, '')
  return at
}
addEventListener('hashchange', () => {
  returned = marked() !== undefined
  entry = marked() ?? mark()
  place = parse(location.hash)
})

const span = $derived(readSpan(place.params))

export const route = {
  get screen() {
    return place.screen
  },
  /** Whether one came here by back or forward. */
  get returned() {
    return returned
  },
  /** The entry of the history that this is. */
  get entry() {
    return entry
  },
  get span() {
    return span
  },
  get(name: string): string {
    return place.params.get(name) ?? ''
  },
  /** The address of another screen: of what this one shows it keeps the time and the service. */
  to(screen: Screen, changes: Changes = {}): string {
    const kept = new URLSearchParams()
    for (const name of ['w', 'from', 'to', 'service']) {
      const value = place.params.get(name)
      if (value) kept.set(name, value)
    }
    return format(screen, changed(kept, changes))
  },
  /** The address of this screen with some of its state changed. */
  with(changes: Changes): string {
    return format(place.screen, changed(place.params, changes))
  },
  /** Changes the state. What a person types is not a page to go back to: replace. */
  set(changes: Changes, replace = false) {
    const hash = route.with(changes)
    if (hash === format(place.screen, place.params)) return
    if (replace) {
      history.replaceState(history.state, '', hash)
      place = parse(hash)
    } else {
      location.hash = hash
    }
  },
}
