import { expect, test } from 'vitest'
import { bytes, change, count, duration, rate, share, short, span, THIN, utc } from './format'

const plain = (s: string) => s.replaceAll(THIN, ' ')

test.each<[number | null, string]>([
  [null, '–'],
  [0, '0 ms'],
  [0.0123, '12.3 µs'],
  [0.000002, '2.00 ns'],
  [0.85, '0.850 ms'],
  [0.104, '0.104 ms'],
  [0.0998, '99.8 µs'],
  [0.09996, '0.100 ms'],
  [0.9996, '1.00 ms'],
  [12.34, '12.3 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [1240, '1.24 s'],
  [61_400, '61.4 s'],
  [125_000, '2 min 5 s'],
  [NaN, '–'],
])('a duration of %s ms reads %s', (ms, text) => expect(plain(duration(ms))).toBe(text))

test.each<[number, string]>([
  [400, '400 ms'],
  [59_999, '59 s'],
  [90_061_000, '1 d 1 h'],
  [30 * 86_400_000, '30 d'],
  [3_600_000, '1 h'],
])('a span of %s ms reads %s', (ms, text) => expect(plain(span(ms))).toBe(text))

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
