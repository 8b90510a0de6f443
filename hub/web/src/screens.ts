// Every screen. To add one, write its component and its entry here.

import type { Component } from 'svelte'
import Cardinality from './screens/Cardinality.svelte'
import Endpoint from './screens/Endpoint.svelte'
import Endpoints from './screens/Endpoints.svelte'
import Health from './screens/Health.svelte'
import Overview from './screens/Overview.svelte'
import Requests from './screens/Requests.svelte'

export interface Screen {
  component: Component
  /** The title of its tab in the bar, and of the browser's tab. */
  title: string
  /** The title of the browser's tab instead, if each page of the screen has its own. */
  subject?: (get: (name: string) => string) => string
  /** The screen that it belongs to. A screen without one has a tab in the bar. */
  parent?: string
  /** The parameters of its address besides those that all screens share. It has no other state. */
  params: readonly string[]
  /** Parameters that identify a page of it: changing one starts afresh, at the top. */
  identity?: readonly string[]
}

/** In the order of their tabs. The first is shown for an address without a screen. */
export const screens = {
  overview: { title: 'Overview', component: Overview, params: [] },
  endpoints: { title: 'Endpoints', component: Endpoints, params: ['q', 'slow', 'failing', 'sort'] },
  endpoint: {
    title: 'Endpoint',
    subject: (get) => `${get('method')} ${get('endpoint')}`,
    component: Endpoint,
    parent: 'endpoints',
    params: ['method', 'endpoint'],
    identity: ['service', 'method', 'endpoint'],
  },
  requests: {
    title: 'Requests',
    component: Requests,
    params: ['endpoint', 'method', 'status', 'min', 'user', 'order', 'cursor'],
  },
  health: { title: 'Health', component: Health, params: ['state', 'hours', 'check'] },
  cardinality: { title: 'Cardinality', component: Cardinality, params: ['open'] },
} as const satisfies Record<string, Screen>
