import { expect, test } from 'vitest'
import type { History } from '../../lib/types'
import { stretches, uptime } from './past'

const at = (minute: number) => new Date(minute * 60_000).toISOString()
const history = (h: Partial<History>) =>
  ({ status: 'healthy', known_percent: 100, transitions: [], transitions_total: h.transitions?.length ?? 0, window: { from: at(0), to: at(100), hours: 1 }, ...h }) as History
const change = (minute: number, from: string, to: string, lasted: number) =>
  ({ at: at(minute), from, to, reason: '', flapping: false, lasted_ms: lasted * 60_000 }) as History['transitions'][0]
const minutes = (h: History) => stretches(h).map((s) => [s.from / 60_000, s.to / 60_000, s.status])

test('without a change the known time is of one state', () => {
  expect(minutes(history({}))).toEqual([[0, 100, 'healthy']])
  expect(minutes(history({ known_percent: 30, status: 'down' }))).toEqual([[70, 100, 'down']])
  expect(minutes(history({ known_percent: 0, status: 'unknown' }))).toEqual([])
})

test('what was before the first change is as long as what else is known', () => {
  const transitions = [change(80, 'unknown', 'healthy', 20), change(60, 'down', 'unknown', 20), change(50, 'healthy', 'down', 10)]
  expect(minutes(history({ transitions, known_percent: 40 }))).toEqual([[40, 50, 'healthy'], [50, 60, 'down'], [60, 80, 'unknown'], [80, 100, 'healthy']])
})

test('a list that was cut says nothing of before', () => {
  const transitions = [change(50, 'healthy', 'down', 50)]
  expect(minutes(history({ transitions, transitions_total: 9 }))).toEqual([[50, 100, 'down']])
})

test('uptime reads 100 % only if it was', () => {
  expect([null, 100, 99.999, 99.93, 98.14, 0].map((p) => uptime(p).replaceAll('\u202f', ' '))).toEqual(['unknown', '100 %', '> 99.99 %', '99.93 %', '98.1 %', '0.0 %'])
})
