import { expect, test, vi } from 'vitest'

vi.stubGlobal('location', { hash: '#/endpoints?w=6h' })
vi.stubGlobal('addEventListener', () => {})
vi.stubGlobal('history', { state: null, replaceState: () => {} })
const { changed, format, parse } = await import('./route.svelte')

test.each(['#/endpoints?w=6h&sort=-p95', '#/endpoint?service=shop&method=GET&endpoint=/orders/{id}', '#/overview'])(
  '%s stays what it is',
  (hash) => {
    const place = parse(hash)
    expect(format(place.screen, place.params)).toBe(hash)
  },
)

test('names with any character survive', () => {
  const endpoint = '/<a href="#?&=%">/ü +/{id}'
  const hash = format('endpoint', new URLSearchParams({ endpoint }))
  expect(parse(hash).params.get('endpoint')).toBe(endpoint)
})

test('what is unknown is the overview, and what is empty is left off', () => {
  expect(parse('#/nonsense?w=1h').screen).toBe('overview')
  expect(parse('').screen).toBe('overview')
  expect(format('requests', changed(new URLSearchParams('w=1h&user=bob'), { user: '', status: '5xx', w: null }))).toBe(
    '#/requests?status=5xx',
  )
})

test('a cursor goes with the parameters that it belongs to', () => {
  const page = new URLSearchParams('w=1h&status=5xx&cursor=abc')
  expect(changed(page, { cursor: 'def' }).get('cursor')).toBe('def')
  expect(changed(page, { status: '5xx', service: '' }).get('cursor')).toBe('abc')
  for (const other of [{ w: '6h' }, { from: 1000, to: 2000 }, { status: null }, { user: 'bob' }])
    expect(changed(page, other).has('cursor')).toBe(false)
})
