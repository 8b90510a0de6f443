// What a spec puts in place of the browser: the network, and the page's events.

import { vi } from 'vitest'

type Headers = Record<string, string>

/** An answer of the hub. */
export function json(
  body: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Headers } = {},
): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } })
}

/** The hub's answer that something is wrong. */
export function problem(status: number, body: unknown): Response {
  return json(body, { status, headers: { 'Content-Type': 'application/problem+json' } })
}

/** What a proxy answers in the hub's place. */
export function page(status: number): Response {
  return new Response('<h1>Sorry</h1>', { status, headers: { 'Content-Type': 'text/html' } })
}

type Handler = (path: string, init: RequestInit) => Response | Promise<Response>

/** Puts a network in place whose hub answers with handle; a TypeError is a network that is down. */
export function stubFetch(handle: Handler) {
  const fetch = vi.fn(async (path: string, init: RequestInit = {}) => {
    const answer = await handle(path, init)
    init.signal?.throwIfAborted()
    return answer
  })
  vi.stubGlobal('fetch', fetch)
  return {
    /** How often a path was asked for. */
    times: (path: string) => fetch.mock.calls.filter(([asked]) => asked === path).length,
  }
}

export function networkDown(): never {
  throw new TypeError('Failed to fetch')
}

/** Puts a document in place that can be hidden and shown. */
export function stubDocument() {
  const document = Object.assign(new EventTarget(), {
    hidden: false,
    show(shown: boolean) {
      document.hidden = !shown
      document.dispatchEvent(new Event('visibilitychange'))
    },
  })
  vi.stubGlobal('document', document)
  return document
}
