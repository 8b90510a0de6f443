import { expect, test } from 'vitest'
import cases from '../../../../internal/duration/testdata/cases.json'
import { bytes, change, count, duration, rate, share, short, span, THIN, utc } from './format'

const plain = (s: string) => s.replaceAll(THIN, ' ')

test.each(cases.text)('a duration of $ns ns reads $want', ({ ns, want }) =>
  expect(plain(duration(ns / 1e6))).toBe(want),
)

test.each([null, undefined, NaN, Infinity])('a duration of %s is none', (ms) => expect(duration(ms)).toBe('–'))

test.each(cases.seconds)('$ns ns read $want to the second', ({ ns, want }) => expect(plain(span(ns / 1e6))).toBe(want))

test.each<[number | null, string]>([
  [null, '–'],
  [0, '0 /s'],
  [0.5, '0.500 /s'],
  [12.34, '12.3 /s'],
  [3400, '3.40 k/s'],
  [2_500_000, '2.50 M/s'],
  [0.05, '3.00 /min'],
  [0.002, '7.20 /h'],
])('a rate of %s reads %s', (v, text) => expect(plain(rate(v))).toBe(text))

test('a column of rates has one unit', () => {
  expect(plain(rate(0.00001, 'min'))).toBe('< 0.01 /min')
  expect(plain(rate(0.0004, 'min'))).toBe('0.024 /min')
  expect(plain(rate(20, 'min'))).toBe('1.20 k/min')
})

test.each<[number, string]>([
  [0, '0 %'],
  [0.00001, '< 0.01 %'],
  [0.0042, '0.42 %'],
  [0.5, '50.0 %'],
  [0.9995, '99.95 %'],
  [0.99999, '> 99.99 %'],
  [1, '100 %'],
])('a share of %s reads %s', (x, text) => expect(plain(share(x))).toBe(text))

test('counts and sizes', () => {
  expect(count(1_234_567)).toBe('1,234,567')
  expect(plain(short(12_345))).toBe('12.3 k')
  expect(plain(short(9_999))).toBe('9,999')
  expect(plain(bytes(0))).toBe('0 B')
  expect(plain(bytes(1530))).toBe('1.53 kB')
})

test.each<[number | null, number | null, string]>([
  [110, 100, '+10 %'],
  [95, 100, '−5.0 %'],
  [100.1, 100, '±0 %'],
  [640, 100, '× 6.4'],
  [5, 0, ''],
  [null, 1, ''],
])('%s after %s reads %s', (now, before, text) => expect(plain(change(now, before))).toBe(text))

test('an instant in UTC keeps its milliseconds if it has any', () => {
  expect(utc(Date.UTC(2026, 10, 23, 10, 15, 30))).toBe('2026-11-23 10:15:30 UTC')
  expect(utc(Date.UTC(2026, 10, 23, 10, 15, 30, 123))).toBe('2026-11-23 10:15:30.123 UTC')
})
