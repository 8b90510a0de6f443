// Stand-ins for the browser in specs: the network, and the page's events.

import { vi } from 'vitest'

type Headers = Record<string, string>

/** An answer of the hub. */
export function json(
  body: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Headers } = {},
): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } })
}

/** A problem document of the hub. */
export function problem(status: number, body: unknown): Response {
  return json(body, { status, headers: { 'Content-Type': 'application/problem+json' } })
}

/** An answer of a proxy in the hub's place. */
export function page(status: number): Response {
  return new Response('<h1>Sorry</h1>', { status, headers: { 'Content-Type': 'text/html' } })
}

type Handler = (path: string, init: RequestInit) => Response | Promise<Response>

/** Installs a network whose hub answers with handle; if that throws a TypeError, the network is down. */
export function stubFetch(handle: Handler) {
  const fetch = vi.fn(async (path: string, init: RequestInit = {}) => {
    const answer = await handle(path, init)
    init.signal?.throwIfAborted()
    return answer
  })
  vi.stubGlobal('fetch', fetch)
  return {
    /** How often a path was requested. */
    times: (path: string) => fetch.mock.calls.filter(([asked]) => asked === path).length,
  }
}

export function networkDown(): never {
  throw new TypeError('Failed to fetch')
}

/** Installs a document that can be hidden and shown. */
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
