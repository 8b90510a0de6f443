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
  /** What its tab in the bar reads, and the browser's. */
  title: string
  /** What the browser's tab reads instead, where each page of it has a name of its own. */
  subject?: (get: (name: string) => string) => string
  /** The screen that it belongs to. One that belongs to none has a tab in the bar. */
  parent?: string
  /** The parameters of its address, besides those that all screens share. Nothing else is its state. */
  params: readonly string[]
  /** Parameters that make another page of it, which begins anew and at its top. */
  identity?: readonly string[]
}

/** The first is the one that an address without a screen leads to; tabs are in this order. */
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
