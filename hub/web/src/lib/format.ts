// Numbers and times for people: three significant figures, and always a unit, after
// a space that does not break (THIN).

export const THIN = '\u202f'
export const NONE = '–'

type Maybe = number | null | undefined

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** Three significant figures, without an exponent. */
function three(v: number): string {
  return Math.abs(v) >= 999.5 ? grouped.format(v) : v.toPrecision(3)
}

// Durations read as the hub writes them (internal/duration), whose cases the tests share.

const MS = 1e6 // in nanoseconds, as all that follows
const SECOND = 1000 * MS
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** What a duration is rounded to: the last of three digits, or the second of two units. */
function grain(ns: number): number {
  if (ns >= DAY) return HOUR
  if (ns >= HOUR) return MINUTE
  if (ns >= MINUTE - 50 * MS) return SECOND // 59.95 s would be 60.0 s
  let unit = 100 * MS
  while (unit > 1 && ns < 100 * unit) unit /= 10
  return unit
}

/** Rounds, but does not round up whole units that are left out: 1 h 59 min 50 s are not two hours. */
function rounded(ns: number, unit: number): number {
  if (unit < SECOND) return Math.round(ns / unit) * unit
  return Math.floor((Math.round(ns / SECOND) * SECOND) / unit) * unit
}

function written(ns: number): string {
  if (ns < 0) return '-' + written(-ns)
  ns = rounded(ns, grain(ns))
  const figure = (n: number, unit: number, name: string) => Number((n / unit).toPrecision(12)) + THIN + name
  if (ns === 0) return `0${THIN}ms`
  if (ns < 1000) return figure(ns, 1, 'ns')
  if (ns < 100_000) return figure(ns, 1000, 'µs')
  if (ns < SECOND) return figure(ns, MS, 'ms')
  const parts: string[] = []
  const units: [number, string][] = [
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'min'],
  ]
  for (const [unit, name] of units) {
    if (ns >= unit) parts.push(figure(Math.floor(ns / unit), 1, name))
    ns %= unit
  }
  if (ns > 0) parts.push(figure(ns, SECOND, 's'))
  return parts.join(' ')
}

/** A duration in milliseconds: 1.24 ms, 80 ms, 2 s, 1 min 30 s, 3 h 20 min. */
export function duration(ms: Maybe): string {
  return ms == null || !Number.isFinite(ms) ? NONE : written(Math.round(ms * MS))
}

/** A duration in milliseconds, to the second. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds === 0 ? `0${THIN}s` : written(seconds * SECOND)
}

export type RateUnit = 's' | 'min' | 'h'

/** The unit for a rate: a second, or a minute or an hour if it is low. */
export function rateUnit(perSecond: number): RateUnit {
  return perSecond >= 0.1 || perSecond === 0 ? 's' : perSecond >= 1 / 60 ? 'min' : 'h'
}

/** A rate with its unit, which is that of rateUnit if none is given. */
export function rate(perSecond: Maybe, unit?: RateUnit): string {
  if (perSecond == null || !Number.isFinite(perSecond)) return NONE
  unit ??= rateUnit(perSecond)
  const v = perSecond * { s: 1, min: 60, h: 3600 }[unit]
  if (v === 0) return `0${THIN}/${unit}`
  if (v < 0.01) return `<${THIN}0.01${THIN}/${unit}`
  if (v < 0.1) return v.toFixed(3) + THIN + '/' + unit
  if (v < 999.5) return three(v) + THIN + '/' + unit
  if (v < 999_500) return three(v / 1000) + THIN + 'k/' + unit
  return three(v / 1e6) + THIN + 'M/' + unit
}

/** All digits of a count. */
export function count(n: Maybe): string {
  return n == null ? NONE : grouped.format(n)
}

/** A count in short, where space is scarce. */
export function short(n: Maybe): string {
  if (n == null) return NONE
  if (n < 10_000) return grouped.format(n)
  if (n < 999_500) return three(n / 1000) + THIN + 'k'
  if (n < 999_500_000) return three(n / 1e6) + THIN + 'M'
  return three(n / 1e9) + THIN + 'G'
}

/** A share of 0 to 1 in percent. Only 0 reads as 0 %, and only 1 as 100 %. */
export function share(x: Maybe): string {
  if (x == null || !Number.isFinite(x)) return NONE
  if (x === 0) return `0${THIN}%`
  if (x < 0.0001) return `<${THIN}0.01${THIN}%`
  const percent = x * 100
  if (percent > 99.9 && percent < 99.995) return percent.toFixed(2) + THIN + '%'
  if (percent >= 99.995) return (x === 1 ? '100' : '>' + THIN + '99.99') + THIN + '%'
  return percent.toFixed(percent < 9.995 ? 2 : 1) + THIN + '%'
}

export function bytes(n: Maybe): string {
  if (n == null) return NONE
  const units = ['B', 'kB', 'MB', 'GB']
  let i = 0
  while (n >= 999.5 && i < units.length - 1) {
    n /= 1000
    i++
  }
  return (i === 0 ? String(n) : three(n)) + THIN + units[i]
}

export function plural(n: number, one: string, many = one + 's'): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

const pad = (n: number, to = 2) => String(n).padStart(to, '0')
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A time of day in the viewer's zone. */
export function clock(at: number, fraction = false): string {
  const d = new Date(at)
  return (
    `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}` +
    (fraction ? '.' + pad(d.getMilliseconds(), 3) : '')
  )
}

export function minute(at: number): string {
  return clock(at).slice(0, 5)
}

/** A day, with its year unless that is the current one. */
export function day(at: number, now = Date.now()): string {
  const d = new Date(at)
  const year = d.getFullYear()
  return `${d.getDate()} ${months[d.getMonth()]}${year === new Date(now).getFullYear() ? '' : ` ${year}`}`
}

/** A time of day, with the day unless that is today. */
export function moment(at: number, now = Date.now(), fraction = false): string {
  const same = new Date(at).toDateString() === new Date(now).toDateString()
  return (same ? '' : day(at, now) + ', ') + clock(at, fraction)
}

/** An instant in UTC, for titles. */
export function utc(at: number): string {
  return new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.000Z$|Z$/, (s) => s.replace('Z', '').replace('.000', '') + ' UTC')
}

/** A range of time, as short as is clear. */
export function between(from: number, to: number, now = Date.now()): string {
  const sameDay = new Date(from).toDateString() === new Date(to).toDateString()
  const exact = to - from < 300_000
  const time = exact ? clock : minute
  const today = new Date(to).toDateString() === new Date(now).toDateString()
  if (sameDay) return `${today ? '' : day(from, now) + ', '}${time(from)} – ${time(to)}`
  return `${day(from, now)}, ${time(from)} – ${day(to, now)}, ${time(to)}`
}

/** The change of a figure from the previous one, as a share with its sign; empty if it has no meaning. */
export function change(now: Maybe, before: Maybe): string {
  if (now == null || before == null || before === 0) return ''
  const x = (now - before) / before
  if (Math.abs(x) < 0.005) return '±0' + THIN + '%'
  if (x > 1) return `×${THIN}${(now / before).toFixed(now / before < 9.95 ? 1 : 0)}`
  const percent = Math.abs(x) * 100
  return (x > 0 ? '+' : '−') + percent.toFixed(percent < 9.95 ? 1 : 0) + THIN + '%'
}
