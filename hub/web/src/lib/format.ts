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

/** A duration in milliseconds. */
export function duration(ms: Maybe): string {
  if (ms == null || !Number.isFinite(ms)) return NONE
  if (ms === 0) return `0${THIN}ms`
  if (ms < 0.000_9995) return three(ms * 1e6) + THIN + 'ns'
  if (ms < 0.099_95) return three(ms * 1000) + THIN + 'µs'
  if (ms < 999.5) return three(ms) + THIN + 'ms'
  if (ms < 99_950) return three(ms / 1000) + THIN + 's'
  return span(ms)
}

/** A long time in its two largest units: 3 d 4 h. */
export function span(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ]
  const at = units.findIndex(([size]) => ms >= size)
  if (at < 0) return `${Math.round(ms)}${THIN}ms`
  const [size, unit] = units[at]
  const whole = Math.floor(ms / size)
  const next = units[at + 1]
  const rest = next && whole < 10 ? Math.floor((ms - whole * size) / next[0]) : 0
  return `${whole}${THIN}${unit}` + (rest > 0 ? ` ${rest}${THIN}${next[1]}` : '')
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
