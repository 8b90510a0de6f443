import { expect, test } from 'vitest'
import type { Check, HealthAnswer } from '../../lib/types'
import { rowsOf } from './rows'

const answer = (checks: Record<string, Partial<Check>>) => ({ checks }) as HealthAnswer
const brief = (a: HealthAnswer | null) => rowsOf(a).map((r) => [r.name, r.check.state, r.kept, r.check.reason])

test('a service has its own checks, whichever way the hub learns of them', () => {
  expect(
    brief(
      answer({
        shop: {
          state: 'degraded',
          details: { instances: 2, checks: { cache: { status: 'down', reason: 'refused', response_time_ms: 3 } } },
        },
        orders: { state: 'healthy', details: { checks: { cache: 'degraded', queue: 'unknown' } } },
      }),
    ),
  ).toEqual([
    ['shop', 'degraded', true, undefined],
    ['shop/cache', 'down', true, 'refused'],
    ['orders', 'healthy', true, undefined],
    ['orders/cache', 'degraded', false, undefined],
    ['orders/queue', 'unknown', false, undefined],
  ])
})

test('details other than checks make no rows', () => {
  expect(brief(answer({ disk: { state: 'healthy', details: { checks: 3 } }, tls: { state: 'down' } }))).toEqual([
    ['disk', 'healthy', true, undefined],
    ['tls', 'down', true, undefined],
  ])
  expect(brief(null)).toEqual([])
})
