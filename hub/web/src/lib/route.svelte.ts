// The address is the state: #/screen?name=value. It determines what a screen shows, so
// that an address can be shared and the browser's Back button works.

import type { screens } from '../screens'
import { clean } from './printable'
import { readSpan } from './span'

type Screens = typeof screens
export type ScreenName = keyof Screens

/** The parameters that all screens share, and links between screens keep: the time and the service. */
const shared = ['w', 'from', 'to', 'service'] as const
type SharedParam = (typeof shared)[number]
export type ParamOf<S extends ScreenName> = SharedParam | Screens[S]['params'][number]
export type Param = { [S in ScreenName]: ParamOf<S> }[ScreenName]

/** New values; null and '' remove one. */
export type Changes<P extends string = Param> = { [name in P]?: string | number | null }

/** What the route needs to know about each screen. The first screen is the default. */
export type Table = Readonly<Record<string, { readonly params: readonly string[] }>>

export interface Place {
  screen: string
  params: URLSearchParams
}

/** The screen and parameters of an address. Only parameters of the screen are kept, with characters that can be shown. */
export function parse(hash: string, table: Table): Place {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  const screen = Object.hasOwn(table, path) ? path : Object.keys(table)[0]
  const known: readonly string[] = [...shared, ...table[screen].params]
  return {
    screen,
    params: new URLSearchParams(
      [...new URLSearchParams(query)].flatMap(([name, value]) => (known.includes(name) ? [[name, clean(value)]] : [])),
    ),
  }
}

/** The address of a screen with parameters. Empty values are omitted, so that each view has one address. */
export function format({ screen, params }: Place): string {
  const kept = new URLSearchParams([...params].filter(([, value]) => value !== ''))
  const query = kept
    .toString()
    .replaceAll('%2F', '/')
    .replaceAll('%3A', ':')
    .replaceAll('%7B', '{')
    .replaceAll('%7D', '}')
  return `#/${screen}` + (query && '?' + query)
}

export function changed(params: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(params)
  for (const [name, value] of Object.entries(changes)) {
    if (value == null || value === '') next.delete(name)
    else next.set(name, String(value))
  }
  // A cursor is only valid for the parameters that it was returned for.
  if (withoutCursor(next) !== withoutCursor(params)) next.delete('cursor')
  return next
}

function withoutCursor(params: URLSearchParams): string {
  return String(new URLSearchParams([...params].filter(([name]) => name !== 'cursor')))
}

let table: Table = {}
let place = $state.raw<Place>({ screen: '', params: new URLSearchParams() })
const span = $derived(readSpan(place.params))
let entry = 0
let returned = false

/** Follows the address until the returned function is called. */
export function startRoute(screens: Table): () => void {
  table = screens
  const follow = () => {
    // Popstate comes both for entries of the history that were seen before, which are
    // marked, and for one that a link has just made, which is not.
    const mark = (history.state as { entry?: number } | null)?.entry
    returned = mark !== undefined
    entry = mark ?? Date.now()
    if (!returned) history.replaceState({ entry }, '')
    place = parse(location.hash, table)
  }
  follow()
  returned = false
  addEventListener('hashchange', follow)
  return () => removeEventListener('hashchange', follow)
}

export const route = {
  get screen(): ScreenName {
    return place.screen as ScreenName
  },
  /** Whether back or forward led here. */
  get returned() {
    return returned
  },
  /** The number of this entry of the history. */
  get entry() {
    return entry
  },
  get span() {
    return span
  },
  get(name: Param): string {
    return place.params.get(name) ?? ''
  },
  /** The address of another screen, with the same time and service. */
  to<S extends ScreenName>(screen: S, changes: Changes<ParamOf<S>> = {}): string {
    const kept = new URLSearchParams(shared.map((name) => [name, route.get(name)]))
    return format({ screen, params: changed(kept, changes) })
  },
  /** The address of this screen with some parameters changed. */
  with(changes: Changes): string {
    return format({ screen: place.screen, params: changed(place.params, changes) })
  },
  /** Changes parameters. With replace it makes no entry of the history, as for each letter typed. */
  set(changes: Changes, { replace = false } = {}) {
    const hash = route.with(changes)
    if (hash === format(place)) return
    if (replace) {
      history.replaceState(history.state, '', hash)
      place = parse(hash, table)
    } else {
      location.hash = hash
    }
  },
}
