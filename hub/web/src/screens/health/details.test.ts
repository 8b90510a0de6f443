import { expect, test } from 'vitest'
import { detailsOf } from './details'

test('details have their units', () => {
  const seen = {
    free_bytes: 72862474240,
    lag_ms: 0,
    read_only: false,
    connections_max: 500,
    version: '15.18',
    load: 0.25,
    checks: {},
    gone: null,
    bytes: 12,
  }
  expect(detailsOf(seen).map((d) => `${d.name}: ${d.text.replaceAll('\u202f', ' ')}`)).toEqual([
    'Free: 72.9 GB',
    'Lag: 0 ms',
    'Read only: no',
    'Connections max: 500',
    'Version: 15.18',
    'Load: 0.25',
    'Bytes: 12',
  ])
  expect(detailsOf(undefined)).toEqual([])
})
