import { expect, test } from 'vitest'
import { dropReasons } from './reasons'

test('the reasons of dropped requests, the largest first', () => {
  expect(dropReasons(undefined)).toBe('')
  expect(dropReasons({ invalid: 2, queue_full: 1200, buffer_full: 2 })).toBe(
    'queue full 1,200, buffer full 2, invalid 2',
  )
})
