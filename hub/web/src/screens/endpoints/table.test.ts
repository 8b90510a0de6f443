import { expect, test } from 'vitest'
import type { Endpoint } from '../../lib/types'
import { toRow } from './row'
import { ordered, passes, readSort, defaultSort, writeSort } from './table'

const row = (endpoint: string, p95: number, few = false, more: Partial<Endpoint> = {}) =>
  toRow({
    service: 'shop',
    method: 'GET',
    endpoint,
    p95_response_time: p95,
    insufficient_data: few,
    error_rate: 0,
    slow: false,
    ...more,
  } as Endpoint)
const rows = [row('/a', 5), row('/b', 9, true), row('/c', 7), row('/d', 5)]
const order = (sort: string) =>
  ordered(rows, readSort(sort))
    .map((key) => (JSON.parse(key) as string[])[2])
    .join('')

test('rows are sorted, equal ones by name, and those with too few requests last', () => {
  expect(order('-p95')).toBe('/c/a/d/b')
  expect(order('p95')).toBe('/a/d/c/b')
  expect(order('name')).toBe('/a/b/c/d')
  expect(order('-name')).toBe('/d/c/b/a')
})

test('an unknown order is the default', () => {
  expect(readSort('')).toBe(defaultSort)
  expect(readSort('-nonsense')).toBe(defaultSort)
  expect(writeSort(readSort('-p99'))).toBe('-p99')
})

test('a filter matches all words, in any order', () => {
  const all = { text: '', slow: false, failing: false }
  const r = row('/Orders/{id}', 1, false, { error_rate: 0.1 })
  expect(passes(r, { ...all, text: 'get orders shop' })).toBe(true)
  expect(passes(r, { ...all, text: 'orders post' })).toBe(false)
  expect(passes(r, { ...all, failing: true })).toBe(true)
  expect(passes(r, { ...all, slow: true })).toBe(false)
})
