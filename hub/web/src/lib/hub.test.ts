import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { json, networkDown, page, problem, stubDocument, stubFetch } from '../testing/page'
import * as first from './hub.svelte'

const start = Date.UTC(2026, 10, 25, 10)
const session = { required: false, signed_in: false, version: 'v1.0.0' }

// Each test has a module, and so a state, of its own. The import above has compiled it.
let hub: typeof first
beforeEach(async () => {
  vi.useFakeTimers({ now: start })
  vi.resetModules()
  hub = await import('./hub.svelte')
})
afterEach(() => {
  vi.useRealTimers()
})

const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => null,
    (e: unknown) => e as InstanceType<typeof hub.Problem>,
  )

test('an address has the parameters that have a value', () => {
  expect(hub.address('/a', { from: 0, live: false, text: 'ä b', none: null, empty: '', missing: undefined })).toBe(
    '/a?from=0&live=false&text=%C3%A4+b',
  )
  expect(hub.address('/a')).toBe('/a')
})

test('an answer has its body and headers', async () => {
  stubFetch(() => json([1, 2], { headers: { 'Kymo-Window-From': 'x' } }))
  const { body, headers } = await hub.ask<number[]>('/a', { n: 1 })
  expect(body).toEqual([1, 2])
  expect(headers.get('Kymo-Window-From')).toBe('x')
})

test.each([
  ['its detail', { detail: 'the store is full' }, 'the store is full'],
  [
    'the parameter that is wrong',
    { detail: 'validation failed', errors: [{ location: 'query.hours', message: 'expected number <= 2160' }] },
    'hours: expected number <= 2160',
  ],
  [
    'its detail, which names the parameter',
    { detail: 'hours: too many', errors: [{ location: 'query.hours', message: 'too many' }] },
    'hours: too many',
  ],
  ['its status, without a detail', {}, 'The hub answered 422'],
])('a problem reads %s', async (_, document, text) => {
  stubFetch(() => problem(422, document))
  const e = await failure(hub.ask('/a'))
  expect(e).toMatchObject({ status: 422, gone: false })
  expect(e?.message).toContain(text)
})

test('a status that is an answer is not a problem, unless the body is one', async () => {
  stubFetch(() => json({ status: 'down' }, { status: 503 }))
  expect((await hub.ask('/health', {}, undefined, [503])).body).toEqual({ status: 'down' })
  expect(await failure(hub.ask('/health'))).toMatchObject({ status: 503, gone: false })
  stubFetch(() => problem(503, { detail: 'the hub is shutting down' }))
  expect(await failure(hub.ask('/health', {}, undefined, [503]))).toMatchObject({ message: 'the hub is shutting down' })
})

test('a page in place of an answer is not from the hub', async () => {
  stubFetch(() => page(200))
  expect(await failure(hub.ask('/a'))).toMatchObject({
    gone: true,
    message: expect.stringContaining('instead of the hub') as string,
  })
})

test('401 asks for signing in', async () => {
  stubFetch(() => problem(401, { detail: 'a read token is needed' }))
  expect(await failure(hub.ask('/a'))).toMatchObject({ status: 401 })
  expect(hub.hub.signIn).toBe(true)
})

test('a request that was aborted says nothing about the hub', async () => {
  const given = new AbortController()
  const { times } = stubFetch(() => networkDown())
  given.abort()
  const e = await failure(hub.ask('/a', {}, given.signal))
  expect(e).not.toBeInstanceOf(hub.Problem)
  expect(times('/health/live')).toBe(0)
  expect(hub.hub.lostSince).toBeNull()
})

test('a hub that is gone is asked for every two seconds until it is back', async () => {
  let up = false
  const { times } = stubFetch((path) => (up ? json(path === '/api/v1/session' ? session : {}) : networkDown()))
  const failed = await Promise.all([failure(hub.ask('/a')), failure(hub.ask('/b'))])
  for (const e of failed) expect(e).toMatchObject({ status: 0, gone: true, message: 'The hub does not answer.' })
  await vi.advanceTimersByTimeAsync(5000)
  expect(hub.hub.lostSince).toBe(start)
  expect(times('/health/live')).toBe(3) // not once for each question
  up = true
  await vi.advanceTimersByTimeAsync(1000)
  expect(hub.hub.lostSince).toBeNull()
  expect(hub.hub.recovered).toBe(1)
  expect(hub.hub.session).toEqual(session)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(times('/health/live')).toBe(4)
})

test.each([502, 503, 504])('a proxy that answers %i is a hub that is gone', async (status) => {
  stubFetch(() => page(status))
  expect(await failure(hub.ask('/a'))).toMatchObject({ status, gone: true })
  await vi.advanceTimersByTimeAsync(0)
  expect(hub.hub.lostSince).toBe(start)
})

test('one route that fails at a proxy does not repeat everything again and again', async () => {
  stubFetch((path) => (path === '/a' ? page(502) : json(session)))
  for (let i = 0; i < 10; i++) {
    await failure(hub.ask('/a'))
    await vi.advanceTimersByTimeAsync(1000)
  }
  expect(hub.hub.lostSince).toBeNull()
  expect(hub.hub.recovered).toBe(1)
  await vi.advanceTimersByTimeAsync(10_000)
  await failure(hub.ask('/a'))
  await vi.advanceTimersByTimeAsync(0)
  expect(hub.hub.recovered).toBe(2)
})

test('a newer hub is noted, until the first version is back', async () => {
  let version = 'v1.0.0'
  stubFetch(() => json({ ...session, version }))
  await hub.readSession()
  expect(hub.hub.newVersion).toBeNull()
  version = 'v1.1.0'
  await hub.readSession()
  expect(hub.hub.newVersion).toBe('v1.1.0')
  version = 'v1.0.0'
  await hub.readSession()
  expect(hub.hub.newVersion).toBeNull()
})

test('the session is read at once, every minute, and when the page is shown', async () => {
  const document = stubDocument()
  const { times } = stubFetch(() => json(session))
  const read = () => times('/api/v1/session')
  const stop = hub.watchSession()
  expect(read()).toBe(1)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(read()).toBe(2)
  document.show(false)
  await vi.advanceTimersByTimeAsync(180_000)
  expect(read()).toBe(2)
  document.show(true)
  expect(read()).toBe(3)
  stop()
  document.show(true)
  await vi.advanceTimersByTimeAsync(180_000)
  expect(read()).toBe(3)
})

test('a session that cannot be read changes nothing', async () => {
  stubFetch(() => json({ ...session, required: true }))
  await hub.readSession()
  expect(hub.hub.signIn).toBe(true)
  stubFetch(() => problem(500, { detail: 'the store is full' }))
  await hub.readSession()
  expect(hub.hub.session).toMatchObject({ required: true })
  expect(hub.hub.signIn).toBe(true)
})

test('now is by the hub’s clock, if the difference exceeds the precision of its header', async () => {
  let date = new Date(start + 3_600_000)
  stubFetch(() => json(session, { headers: { Date: date.toUTCString() } }))
  await hub.readSession()
  expect(hub.hubNow()).toBe(start + 3_600_500)
  date = new Date(start + 1000)
  await hub.readSession()
  expect(hub.hubNow()).toBe(start)
})

test('signing in and out is done when the hub says so', async () => {
  let signedIn = false
  let keeps = true
  stubFetch((_, { method = 'GET', body }) => {
    if (method === 'POST' && body !== '{"token":"open-sesame"}') return problem(401, { detail: 'the token is wrong' })
    if (method !== 'GET') {
      if (keeps) signedIn = method === 'POST'
      return new Response(null, { status: 204 })
    }
    return json({ required: true, signed_in: signedIn, version: 'v1' })
  })
  expect(await failure(hub.startSession('open-barley'))).toMatchObject({ status: 401 })
  await hub.startSession('open-sesame')
  expect(hub.hub.signIn).toBe(false)
  keeps = false
  expect(await failure(hub.endSession())).toMatchObject({
    message: expect.stringContaining('keeps you signed in') as string,
  })
  keeps = true
  await hub.endSession()
  expect(hub.hub.signIn).toBe(true)
  keeps = false
  expect(await failure(hub.startSession('open-sesame'))).toMatchObject({
    message: expect.stringContaining('cookie') as string,
  })
  stubFetch(() => networkDown())
  expect(await failure(hub.endSession())).toMatchObject({ gone: true })
})
