import { expect, test } from 'vitest'
import { began, classOf, errorRates, overlaid, rates, viewFrom } from './series'
import type { Timeseries } from './types'

const series = (more: Partial<Timeseries> = {}) =>
  ({
    window: { from: 105_000, to: 133_000 },
    known_from: 0,
    step: 10,
    at: [100_000, 110_000, 120_000, 130_000],
    requests: [10, 20, 0, 9],
    errors: [1, 0, 0, 9],
    previous: { window: { from: 77_000, to: 105_000 }, at: [70_000, 80_000, 90_000, 100_000], total: { requests: 4 } },
    ...more,
  }) as Timeseries

test('rates are over the part of a step that lies in the window', () => {
  expect(rates(series(), 10)).toEqual([2, 2, 0, 3])
  expect(rates(series({ window: { from: 105_000, to: 131_000 } }), 10).at(-1)).toBeNull()
  expect(rates(series(), 10, 112_000)).toEqual([null, 2.5, 0, 3]) // 20 requests in the 8 s that are known
})

test('a share of nothing is unknown', () => expect(errorRates(series())).toEqual([0.1, 0, null, 1]))

test('the previous window is shifted to the current one', () => {
  expect(overlaid(series(), [1, 2, 3, 4])).toEqual([1, 2, 3, 4])
  expect(overlaid(series({ previous: undefined }), [1])).toEqual([null, null, null, null])
})

test('data that has just begun is drawn from shortly before its beginning', () => {
  const young = series({ window: { from: 0, to: 900_000 }, known_from: 880_000 })
  expect(began(young)).toBe(880_000)
  expect(viewFrom(young)).toBe(810_000)
  expect(viewFrom(series())).toBe(105_000)
  expect(began(series({ known_from: 114_000 }))).toBeNull() // less than a step is missing
  expect(began(series({ known_from: 200_000 }))).toBe(133_000) // an empty hub
})

test('classes of status codes', () =>
  expect(['200', '503', '999', 'other'].map(classOf)).toEqual(['2xx', '5xx', 'other', 'other']))
