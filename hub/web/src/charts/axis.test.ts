import { expect, test } from 'vitest'
import { decades, inWords, logScale, plain } from './axis'

test('marks of a logarithmic scale', () => {
  expect(decades(1, 100)).toEqual([1, 2, 5, 10, 20, 50, 100])
  expect(decades(0.01, 1000)).toEqual([0.01, 0.1, 1, 10, 100, 1000])
  expect(decades(0.3, 0.9)).toEqual([0.5])
  expect(decades(20_000, 300_000)).toEqual([20_000, 50_000, 60_000, 120_000, 300_000])
  expect(decades(1e-6, 1e8)).toEqual([
    1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 86_400_000,
  ])
})

test('a scale reaches around all values', () => {
  expect(logScale([[null, 12], [480]])).toMatchObject({ low: 10, high: 500 })
  expect(logScale([[0.03, 0]])).toMatchObject({ low: 0.02, high: 0.05 })
  expect(logScale([[20, 20]])).toMatchObject({ low: 20, high: 40 })
  expect(logScale([[null]])).toMatchObject({ low: 1, high: 1000 })
})

test('figures on an axis have no idle zeros', () => {
  expect(['2.00 s', '2.50 s', '10.0 ms', '100 ms', '1.24 s', '0 ms'].map(plain)).toEqual([
    '2 s',
    '2.5 s',
    '10 ms',
    '100 ms',
    '1.24 s',
    '0 ms',
  ])
})

test('a line in words', () => {
  expect(inWords([3, null, 1, 2, null], String)).toBe('latest 2, lowest 1, highest 3')
  expect(inWords([null], String)).toBe('no data')
})
