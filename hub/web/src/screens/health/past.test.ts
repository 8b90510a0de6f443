import { expect, test } from 'vitest'
import { uptime } from './past'

test('uptime is 100 % only if it is exactly that', () => {
  expect([null, 100, 99.999, 99.93, 98.14, 0].map((p) => uptime(p).replaceAll('\u202f', ' '))).toEqual([
    'unknown',
    '100 %',
    '> 99.99 %',
    '99.93 %',
    '98.1 %',
    '0.0 %',
  ])
})
