import { tick } from 'svelte'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { failing } from './failing.svelte'
import { Live } from './live.svelte'
import { question } from './questions'
import { json, networkDown, problem, stubDocument, stubFetch } from '../testing/page'

const start = Date.UTC(2026, 10, 25, 10)

let document: ReturnType<typeof stubDocument>
let ends: (() => void)[] = []
beforeEach(() => {
  vi.useFakeTimers({ now: start })
  document = stubDocument()
})
afterEach(async () => {
  for (const end of ends) end()
  ends = []
  // Otherwise a hub that is gone would still be gone in the next test.
  stubFetch(() => json({}))
  await settle(2000)
  vi.useRealTimers()
})

/** A live answer to the question of state, as in a component that is on the screen until end is called. */
async function ask(state: { path: string | null; every?: number | null }) {
  let live!: Live<string>
  const end = $effect.root(() => {
    live = new Live<string>(() =>
      state.path === null ? null : question<string>(state.path, {}, state.every === undefined ? 5000 : state.every),
    )
  })
  ends.push(end)
  await settle()
  return { live, end }
}

/** Lets so many milliseconds pass, effects run and answers arrive. */
async function settle(after = 0) {
  await tick()
  await vi.advanceTimersByTimeAsync(after)
  await tick()
}

const brief = ({ data, error, stale }: { data: unknown; error: string | null; stale: boolean }) => ({
  data,
  error,
  stale,
})

test('an answer is requested again at intervals, until it leaves the screen', async () => {
  let n = 0
  const { times } = stubFetch(() => json(`answer ${++n}`))
  const { live, end } = await ask({ path: '/a' })
  expect(brief(live)).toEqual({ data: 'answer 1', error: null, stale: false })
  expect(live.at).toBe(start)
  await settle(4999)
  expect(n).toBe(1)
  await settle(1)
  expect(live.data).toBe('answer 2')
  end()
  await settle(60_000)
  expect(times('/a')).toBe(2)
})

test('a question without an interval is asked once, even if the page is shown again', async () => {
  const { times } = stubFetch(() => json('a'))
  const { live } = await ask({ path: '/a', every: null })
  document.show(false)
  document.show(true)
  await settle(60_000)
  expect(times('/a')).toBe(1)
  live.again()
  await settle()
  expect(times('/a')).toBe(2)
})

test('a hidden page asks nothing until it is shown, and then at once', async () => {
  const { times } = stubFetch(() => json('a'))
  await ask({ path: '/a' })
  document.show(false)
  await settle(60_000)
  expect(times('/a')).toBe(2) // The second was planned before the page was hidden.
  document.show(true)
  await settle()
  expect(times('/a')).toBe(3)
})

test('another question makes the answer stale until it is answered; the same question asks nothing', async () => {
  let free = () => {}
  const { times } = stubFetch(async (path) => {
    if (path === '/b') await new Promise<void>((go) => (free = go))
    return json(path)
  })
  const state = $state({ path: '/a' })
  const { live } = await ask(state)
  state.path = '/b'
  await settle()
  expect(brief(live)).toEqual({ data: '/a', error: null, stale: true })
  free()
  await settle()
  expect(brief(live)).toEqual({ data: '/b', error: null, stale: false })
  expect(times('/b')).toBe(1)
  state.path = '/b'
  await settle()
  expect(times('/b')).toBe(1)
})

test('the answer to a question that was replaced is not shown', async () => {
  const signals: AbortSignal[] = []
  let free = () => {}
  stubFetch(async (path, { signal }) => {
    if (signal) signals.push(signal)
    if (path === '/slow') await new Promise<void>((go) => (free = go))
    return json(path)
  })
  const state = $state<{ path: string | null }>({ path: '/slow' })
  const { live } = await ask(state)
  state.path = '/b'
  await settle()
  expect(signals.map((s) => s.aborted)).toEqual([true, false])
  free()
  await settle()
  expect(brief(live)).toEqual({ data: '/b', error: null, stale: false })
  state.path = null
  await settle(60_000)
  expect(signals).toHaveLength(2)
})

test('without an answer the error is shown, until there is one', async () => {
  let full = true
  stubFetch(() => (full ? problem(500, { detail: 'the store is full' }) : json('a')))
  const { live } = await ask({ path: '/a' })
  expect(brief(live)).toEqual({ data: null, error: 'the store is full', stale: false })
  expect(failing.first).toBeNull()
  full = false
  await settle(5000)
  expect(brief(live)).toEqual({ data: 'a', error: null, stale: false })
})

test('an answer that cannot be refreshed stays, and the banner knows since when', async () => {
  let full = false
  stubFetch(() => (full ? problem(500, { detail: 'the store is full' }) : json('a')))
  const { live, end } = await ask({ path: '/a' })
  full = true
  await settle(5000)
  await settle(5000)
  expect(brief(live)).toEqual({ data: 'a', error: null, stale: false })
  expect(failing.first).toMatchObject({ since: start + 5000, reason: 'the store is full' })
  full = false
  failing.again()
  await settle()
  expect(failing.first).toBeNull()
  full = true
  await settle(5000)
  expect(failing.first).not.toBeNull()
  end()
  expect(failing.first).toBeNull()
})

test('what could not be refreshed is requested when the page is shown, even without an interval', async () => {
  let full = true
  const { times } = stubFetch(() => (full ? problem(500, {}) : json('a')))
  const { live } = await ask({ path: '/a', every: null })
  await settle(60_000)
  expect(times('/a')).toBe(1)
  full = false
  document.show(true)
  await settle()
  expect(live.data).toBe('a')
})

test('a stale answer goes when the hub says that there is none, and stays while the hub is gone', async () => {
  let answer = () => json('a')
  stubFetch(() => answer())
  const state = $state({ path: '/a', every: null })
  const { live } = await ask(state)
  answer = networkDown
  state.path = '/b'
  await settle()
  expect(brief(live)).toEqual({ data: 'a', error: null, stale: true })
  answer = () => problem(400, { detail: 'no such window' })
  state.path = '/c'
  await settle()
  expect(brief(live)).toEqual({ data: null, error: 'no such window', stale: false })
})

test('when the hub is back, everything is requested at once', async () => {
  let up = true
  const { times } = stubFetch(() => (up ? json('a') : networkDown()))
  await ask({ path: '/a', every: 60_000 })
  await ask({ path: '/b', every: 3_600_000 })
  expect(times('/b')).toBe(1)
  up = false
  await settle(60_000)
  expect(times('/b')).toBe(1)
  up = true
  await settle(2000)
  expect(times('/b')).toBe(2)
})
