import { expect, test } from 'vitest'
import {
  chosen,
  knownSeconds,
  localTime,
  pollEvery,
  readSpan,
  spanQuery,
  defaultChoice,
  windowOf,
  zoomed,
} from './span'

const read = (text: string) => readSpan(new URLSearchParams(text))

test('a window up to now, and a fixed one', () => {
  expect(spanQuery(read('w=24h'))).toEqual({ minutes: 1440 })
  expect(spanQuery(read('w=24h&from=1000&to=5000'))).toEqual({ from: 1000, to: 5000 })
  expect(pollEvery(read('w=15m'))).toBe(5000)
  expect(pollEvery(read('from=1000&to=5000'))).toBeNull()
})

test.each([
  '',
  'w=2y',
  'from=5&to=5',
  'from=a&to=b',
  'from=1',
  'from=-5&to=5',
  'from=0&to=999999999999',
  'from=1.5&to=9',
])('what makes no sense is the default window: %s', (text) =>
  expect(read(text)).toEqual({ choice: defaultChoice, fixed: null }),
)

test('a drawn range has whole seconds, and is neither too short nor too long', () => {
  expect(zoomed(61_400, 20_900)).toEqual({ from: 20_000, to: 62_000 })
  expect(zoomed(50_000, 50_100)).toEqual({ from: 46_000, to: 56_000 })
  const { from, to } = zoomed(0, 1e12)
  expect(to - from).toBe(168 * 3_600_000)
})

test('a typed range is in local time', () => {
  const from = new Date(2026, 2, 28, 23, 59, 7).getTime()
  const to = new Date(2026, 2, 29, 12, 0, 0).getTime() // behind a change of the clocks, in much of Europe
  expect(chosen(localTime(from), localTime(to))).toEqual({ from, to })
})

test.each([
  ['', '2026-11-25T10:00', 'Enter the day and time of the start'],
  ['2026-11-25T10:00', '', 'Enter the day and time of the end'],
  ['2026-11-25T10:00', '2026-11-25T10:00', 'start must be before'],
  ['2026-11-01T10:00', '2026-11-25T10:00', 'longer than 7 days'],
  ['1960-11-25T10:00', '1960-11-25T11:00', 'start must be after 1970'],
  ['+012026-11-25T10:00', '+012026-11-25T11:00', 'before the year 10000'],
])('a range from %s to %s is none', (from, to, why) => expect(chosen(from, to)).toContain(why))

test('the window of an answer', () => {
  expect(
    windowOf(new Headers({ 'Kymo-Window-From': '2026-11-25T10:00:00Z', 'Kymo-Window-To': '2026-11-25T10:00:01.5Z' })),
  ).toEqual({ from: Date.UTC(2026, 10, 25, 10), to: Date.UTC(2026, 10, 25, 10) + 1500 })
  for (const none of [
    null,
    new Headers(),
    new Headers({ 'Kymo-Window-From': '2026-11-25T10:00:00Z', 'Kymo-Window-To': 'x' }),
  ])
    expect(windowOf(none)).toBeNull()
})

test('what a hub knows of a window is no more than the window', () => {
  const of = (known: string) =>
    knownSeconds(
      new Headers({
        'Kymo-Window-From': '2026-11-25T10:00:00Z',
        'Kymo-Window-To': '2026-11-25T11:00:00Z',
        'Kymo-Known-From': known,
      }),
    )
  expect(['2026-11-20T10:00:00Z', '2026-11-25T10:59:00Z', '2026-11-25T11:00:00Z', ''].map(of)).toEqual([
    3600, 60, 1, 3600,
  ])
  expect(knownSeconds(null)).toBeNull()
})
