import { expect, test } from 'vitest'
import { edges, took } from './rows'

test('the first row has all shorter durations', () => {
  const bounds = [1074, 1277, 1519]
  expect(bounds.map((_, i) => took(bounds, i).replaceAll('\u202f', ' '))).toEqual([
    'at most 1.07 s',
    '1.07 s to 1.28 s',
    '1.28 s to 1.52 s',
  ])
})

test('all rows have the same height', () => {
  expect(edges([10, 20, 40])).toEqual([5, 10, 20, 40])
  expect(edges([10])[0]).toBeCloseTo(8.41, 2)
  expect(edges([])).toEqual([1, 1000])
})
