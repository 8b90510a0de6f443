// The hub: whether it answers, whether signing in is necessary, and how to ask it
// something.

import type { ProblemDocument, Session } from './types'

export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Whether the answer is not the hub's: a proxy answered instead, or nothing did. */
    readonly gone = false,
  ) {
    super(message)
  }
}

let lostSince = $state<number | null>(null)
let signIn = $state(false)
let session = $state.raw<Session | null>(null)
let recovered = $state(0)
let firstVersion = ''
let newVersion = $state<string | null>(null)

export const hub = {
  /** When the hub stopped answering; null while it answers. */
  get lostSince() {
    return lostSince
  },
  /** Whether signing in is necessary before anything can be shown. */
  get signIn() {
    return signIn
  },
  get session() {
    return session
  },
  /** The version of the hub, if it is another one than when the page was loaded. */
  get newVersion() {
    return newVersion
  },
  /** Grows whenever everything should be asked again at once. */
  get recovered() {
    return recovered
  },
}

export type Query = Record<string, string | number | boolean | null | undefined>

export function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value != null && value !== '') params.set(name, String(value))
  }
  const text = params.toString()
  return path + (text && '?' + text)
}

async function send(path: string, init?: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init })
  } catch (e) {
    if (init?.signal?.aborted) throw e
    throw lost(0)
  }
  // A proxy in front of the hub answers for it when it is gone. The hub's own 503 is JSON.
  const { status } = response
  if (status === 502 || status === 504 || (status === 503 && !isJSON(response))) throw lost(status)
  return response
}

function isProblem(response: Response): boolean {
  return response.headers.get('Content-Type')?.startsWith('application/problem+json') ?? false
}

function isJSON(response: Response): boolean {
  return /^application\/(problem\+)?json\b/.test(response.headers.get('Content-Type') ?? '')
}

async function problem(response: Response): Promise<Problem> {
  let detail = ''
  try {
    const document = (await response.json()) as Partial<ProblemDocument>
    const wrong = document.errors?.[0]
    detail = document.detail ?? ''
    if (wrong?.message && (detail.startsWith('validation failed') || !detail.includes(wrong.message))) {
      detail = `${(wrong.location ?? '').replace(/^(query|body)\./, '')}: ${wrong.message}`
    }
  } catch {
    // The body is no problem document, so the status has to do.
  }
  return new Problem(response.status, detail || `The hub answered ${response.status} ${response.statusText}.`)
}

export interface Answer<T> {
  body: T
  headers: Headers
}

/** Asks the hub. The statuses in also are answers, too, rather than problems. */
export async function ask<T>(
  path: string,
  query?: Query,
  signal?: AbortSignal,
  also: number[] = [],
): Promise<Answer<T>> {
  const response = await send(address(path, query), { signal })
  if (response.status === 401) signIn = true
  // A hub that shuts down answers everything with 503, and with a problem even if also has 503.
  if (!response.ok && (!also.includes(response.status) || isProblem(response))) throw await problem(response)
  // Such as the login page of a proxy.
  if (!isJSON(response)) throw new Problem(response.status, 'A proxy answered instead of the hub.', true)
  const body = (await response.json()) as T
  lostSince = null
  return { body, headers: response.headers }
}

/** Has the hub do something, and returns its answer. */
export async function order<T>(path: string): Promise<T> {
  const response = await send(path, { method: 'POST' })
  if (!response.ok) throw await problem(response)
  return (await response.json()) as T
}

/** Asks whether signing in is necessary, and for the hub's version. */
export async function readSession() {
  try {
    await currentSession()
  } catch (e) {
    // The session is read again when the hub is back.
    if (!(e instanceof Problem)) throw e
  }
}

/** Keeps the session up to date until the returned function is called: a page may stay open longer than a hub runs. */
export function watchSession(): () => void {
  const read = () => {
    if (!document.hidden) void readSession()
  }
  const timer = setInterval(read, 60_000)
  document.addEventListener('visibilitychange', read)
  void readSession()
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', read)
  }
}

async function currentSession(): Promise<Session> {
  const asked = Date.now()
  const { body, headers } = await ask<Session>('/api/v1/session')
  keepOffset(headers.get('Date'), (asked + Date.now()) / 2)
  session = body
  signIn = body.required && !body.signed_in
  firstVersion ||= body.version
  newVersion = body.version === firstVersion ? null : body.version
  return body
}

let offset = 0

/** Sets how far the hub's clock is ahead, from an answer that did not come from a cache. */
function keepOffset(date: string | null, at: number) {
  const ahead = Date.parse(date ?? '') + 500 - at // the header has whole seconds
  if (!Number.isNaN(ahead)) offset = Math.abs(ahead) > 2000 ? ahead : 0
}

/** The time by the hub's clock, Unix milliseconds: windows up to now end there. */
export function hubNow(): number {
  return Math.round(Date.now() + offset)
}

export async function startSession(token: string) {
  const response = await send('/api/v1/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  if (!response.ok) throw await problem(response)
  const now = await currentSession()
  if (!now.signed_in) {
    throw new Problem(
      response.status,
      'The token is right, but the browser did not store the session’s cookie. Allow cookies for this site, or open it over HTTPS.',
    )
  }
}

export async function endSession() {
  const response = await send('/api/v1/session', { method: 'DELETE' })
  if (!response.ok) throw await problem(response)
  const now = await currentSession()
  if (now.signed_in) throw new Problem(response.status, 'A proxy in front of the hub keeps you signed in.')
}

let looking = false
let foundAt = 0

/** Notes that a request failed, and finds out whether the hub is gone. */
function lost(status: number): Problem {
  if (!looking) void look(Date.now())
  return new Problem(status, 'The hub does not answer.', true)
}

/** Asks until the hub answers. */
async function look(since: number) {
  looking = true
  while (!(await isThere())) {
    lostSince ??= since
    await new Promise((go) => setTimeout(go, 2000))
  }
  looking = false
  const wasGone = lostSince !== null
  lostSince = null
  // If a proxy fails only one route, asking for everything again would never end.
  if (!wasGone && Date.now() - foundAt < 15_000) return
  foundAt = Date.now()
  recovered++
  void readSession()
}

async function isThere(): Promise<boolean> {
  try {
    const response = await fetch('/health/live', { cache: 'no-store', signal: AbortSignal.timeout(5000) })
    return response.ok && isJSON(response)
  } catch {
    return false
  }
}
