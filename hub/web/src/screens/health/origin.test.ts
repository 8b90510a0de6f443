import { expect, test } from 'vitest'
import { originOf } from './origin'

test('where a check comes from', () => {
  expect(originOf({ origin: 'file', target: 'postgres://db' })).toBe('From the hub’s configuration: postgres://db')
  expect(originOf({ origin: 'api' })).toBe('Added over the API')
  expect(originOf({ origin: 'service' })).toBe('From a service’s heartbeats')
  expect(originOf({ origin: 'built-in' })).toBe('A check of the hub itself')
})
