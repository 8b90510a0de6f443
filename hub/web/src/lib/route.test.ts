import { expect, test } from 'vitest'
import { changed, format, parse } from './route.svelte'

const table = {
  overview: { params: [] },
  endpoints: { params: ['sort'] },
  endpoint: { params: ['method', 'endpoint'] },
  requests: { params: ['user', 'status', 'cursor'] },
}

test.each(['#/endpoints?w=6h&sort=-p95', '#/endpoint?service=shop&method=GET&endpoint=/orders/{id}', '#/overview'])(
  '%s stays what it is',
  (hash) => expect(format(parse(hash, table))).toBe(hash),
)

test('names with any character survive', () => {
  const endpoint = '/<a href="#?&=%">/ü +/{id}'
  const hash = format({ screen: 'endpoint', params: new URLSearchParams({ endpoint }) })
  expect(parse(hash, table).params.get('endpoint')).toBe(endpoint)
})

test('values of an address are shown, so characters that deceive are replaced', () => {
  const { params } = parse('#/requests?user=a%E2%80%AEb&service=c\u{e0041}d&status=%9b', table)
  expect([...params]).toEqual([
    ['user', 'a\ufffdb'],
    ['service', 'c\ufffdd'],
    ['status', '\ufffd'],
  ])
})

test('an unknown screen is the first one, and empty values are left off', () => {
  for (const hash of ['#/nonsense?w=1h', '#/toString', '']) expect(parse(hash, table).screen).toBe('overview')
  const params = changed(new URLSearchParams('w=1h&user=bob'), { user: '', status: '5xx', w: null })
  expect(format({ screen: 'requests', params })).toBe('#/requests?status=5xx')
})

test('parameters of other screens are dropped', () => {
  expect(format(parse('#/endpoints?user=bob&sort=p50&service=shop', table))).toBe('#/endpoints?sort=p50&service=shop')
})

test('a cursor is dropped when other parameters change', () => {
  const page = new URLSearchParams('w=1h&status=5xx&cursor=abc')
  expect(changed(page, { cursor: 'def' }).get('cursor')).toBe('def')
  expect(changed(page, { status: '5xx', service: '' }).get('cursor')).toBe('abc')
  for (const other of [{ w: '6h' }, { from: 1000, to: 2000 }, { status: null }, { user: 'bob' }])
    expect(changed(page, other).has('cursor')).toBe(false)
})
