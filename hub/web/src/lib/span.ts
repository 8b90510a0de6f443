// The stretch of time that a screen shows, as the address says it: w=1h is the
// last hour and moves on, from= and to= (Unix milliseconds) stand still.

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
  /** Where it stands still; null while it is the time up to now. */
  fixed: { from: number; to: number } | null
}

export function readSpan(params: URLSearchParams): Span {
  const choice = choices.find((c) => c.name === params.get('w')) ?? defaultChoice
  const from = Number(params.get('from') ?? NaN)
  const to = Number(params.get('to') ?? NaN)
  const valid = Number.isSafeInteger(from) && Number.isSafeInteger(to) && wrongWith(from, to) === ''
  return { choice, fixed: valid ? { from, to } : null }
}

/** Why there is nothing to be seen between two instants; empty if there may be. */
function wrongWith(from: number, to: number): string {
  if (from < 0) return 'It must begin after 1970.'
  if (from >= to) return 'It must begin before it ends.'
  if (to >= LATEST) return 'It must end before the year 10000.'
  if (to - from > LONGEST) return 'That is more than 7 days; bring the two closer together.'
  return ''
}

/** What the hub is asked for it. */
export function spanQuery(s: Span): Record<string, string | number> {
  return s.fixed ? { from: s.fixed.from, to: s.fixed.to } : { minutes: s.choice.minutes }
}

export function spanMinutes(s: Span): number {
  return s.fixed ? (s.fixed.to - s.fixed.from) / 60_000 : s.choice.minutes
}

/** The window that an answer is of, where its headers say so. */
export function windowOf(headers: Headers | null): { from: number; to: number } | null {
  const [from, to] = ['From', 'To'].map((end) => Date.parse(headers?.get(`Kymo-Window-${end}`) ?? ''))
  return from < to ? { from, to } : null
}

/** How much of an answer's window the hub knows, in seconds, where its headers say so. */
export function knownSeconds(headers: Headers | null): number | null {
  const window = windowOf(headers)
  if (window === null) return null
  const known = Date.parse(headers?.get('Kymo-Known-From') ?? '') || 0
  return Math.max(window.to - Math.max(window.from, known), 1000) / 1000
}

/** How often to ask again, in milliseconds; what stands still is not asked again. */
export function pollEvery(s: Span): number | null {
  if (s.fixed) return null
  const m = s.choice.minutes
  return m <= 60 ? 5000 : m <= 360 ? 15_000 : m <= 1440 ? 30_000 : 60_000
}

/** A range that a person drew, no shorter than makes sense and on whole seconds. */
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

/** An instant as an input for local times takes it, to the second. */
export function localTime(at: number): string {
  const d = new Date(at)
  return new Date(at - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

/** The range between two local times, or what is wrong with them. */
export function chosen(from: string, to: string): { from: number; to: number } | string {
  const range = { from: Date.parse(from), to: Date.parse(to) }
  if (Number.isNaN(range.from)) return 'Enter when it begins, day and time.'
  if (Number.isNaN(range.to)) return 'Enter when it ends, day and time.'
  return wrongWith(range.from, range.to) || range
}
