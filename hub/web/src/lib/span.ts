// The range of time that a screen shows, from its address: w=1h is the last hour up to
// now; from= and to= (Unix milliseconds) are a fixed range.

export interface Choice {
  name: string
  label: string
  long: string
  minutes: number
}

export const choices: Choice[] = [
  { name: '15m', label: '15 min', long: 'the last 15 minutes', minutes: 15 },
  { name: '1h', label: '1 h', long: 'the last hour', minutes: 60 },
  { name: '6h', label: '6 h', long: 'the last 6 hours', minutes: 360 },
  { name: '24h', label: '24 h', long: 'the last 24 hours', minutes: 1440 },
  { name: '7d', label: '7 days', long: 'the last 7 days', minutes: 10_080 },
]

export const defaultChoice = choices[1]
const LATEST = Date.UTC(10_000, 0)
const LONGEST = 168 * 3_600_000

export interface Span {
  choice: Choice
  /** The fixed range; null if the range ends now. */
  fixed: { from: number; to: number } | null
}

export function readSpan(params: URLSearchParams): Span {
  const choice = choices.find((c) => c.name === params.get('w')) ?? defaultChoice
  const from = Number(params.get('from') ?? NaN)
  const to = Number(params.get('to') ?? NaN)
  const valid = Number.isSafeInteger(from) && Number.isSafeInteger(to) && wrongWith(from, to) === ''
  return { choice, fixed: valid ? { from, to } : null }
}

/** Why a range cannot be shown; empty if it can. */
function wrongWith(from: number, to: number): string {
  if (from < 0) return 'The start must be after 1970.'
  if (from >= to) return 'The start must be before the end.'
  if (to >= LATEST) return 'The end must be before the year 10000.'
  if (to - from > LONGEST) return 'The range is longer than 7 days. Choose a shorter one.'
  return ''
}

/** The parameters of a request to the hub. */
export function spanQuery(s: Span): Record<string, string | number> {
  return s.fixed ? { from: s.fixed.from, to: s.fixed.to } : { minutes: s.choice.minutes }
}

export function spanMinutes(s: Span): number {
  return s.fixed ? (s.fixed.to - s.fixed.from) / 60_000 : s.choice.minutes
}

/** The window of an answer, if its headers have it. */
export function windowOf(headers: Headers | null): { from: number; to: number } | null {
  const [from, to] = ['From', 'To'].map((end) => Date.parse(headers?.get(`Kymo-Window-${end}`) ?? ''))
  return from < to ? { from, to } : null
}

/** How many seconds of an answer's window the hub has data for, if its headers have it. */
export function knownSeconds(headers: Headers | null): number | null {
  const window = windowOf(headers)
  if (window === null) return null
  const known = Date.parse(headers?.get('Kymo-Known-From') ?? '') || 0
  return Math.max(window.to - Math.max(window.from, known), 1000) / 1000
}

/** The interval of refreshes, in milliseconds; a fixed range is not refreshed. */
export function pollEvery(s: Span): number | null {
  if (s.fixed) return null
  const m = s.choice.minutes
  return m <= 60 ? 5000 : m <= 360 ? 15_000 : m <= 1440 ? 30_000 : 60_000
}

/** A range drawn on a chart, in whole seconds and not shorter than is useful. */
export function zoomed(a: number, b: number): { from: number; to: number } {
  let from = Math.floor(Math.min(a, b) / 1000) * 1000
  let to = Math.ceil(Math.max(a, b) / 1000) * 1000
  if (to - from < 10_000) {
    const middle = Math.round((from + to) / 2000) * 1000
    from = middle - 5000
    to = middle + 5000
  }
  return { from, to: Math.min(to, from + LONGEST) }
}

/** A time in the format of an input for local times, to the second. */
export function localTime(at: number): string {
  const d = new Date(at)
  return new Date(at - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

/** The range between two local times, or an error message. */
export function chosen(from: string, to: string): { from: number; to: number } | string {
  const range = { from: Date.parse(from), to: Date.parse(to) }
  if (Number.isNaN(range.from)) return 'Enter the day and time of the start.'
  if (Number.isNaN(range.to)) return 'Enter the day and time of the end.'
  return wrongWith(range.from, range.to) || range
}
