// The hub's answers, under the names that screens use.

import type { components } from './schema'

type Schemas = components['schemas']

export type Endpoint = Schemas['Endpoint']
export type History = Schemas['History']
export type Transition = Schemas['Transition']
export type Check = Schemas['HealthCheck']
export type HealthAnswer = Schemas['Health']
export type Trust = Schemas['Trust']

export interface Totals {
  requests: number
  errors: number
  client_errors: number
  error_rate: number
  client_error_rate: number
  avg: number | null
  p50: number | null
  p95: number | null
  p99: number | null
  max: number | null
  rate: number
  apdex: number | null
  apdex_threshold: number
  insufficient_data: boolean
}

export interface Columns {
  at: number[]
  requests: number[]
  errors: number[]
  client_errors: number[]
  p50: (number | null)[]
  p95: (number | null)[]
  p99: (number | null)[]
  max: (number | null)[]
  avg: (number | null)[]
  statuses: Record<string, number[]>
  total: Totals
}

export interface Timeseries extends Columns {
  window: { from: number; to: number }
  step: number
  previous?: Columns
  trust: Trust
}

export interface HeatmapAnswer {
  window: { from: number; to: number }
  step: number
  at: number[]
  bounds: number[]
  counts: number[][]
  distribution: { counts: number[]; p50: number; p95: number; p99: number; max: number }
  total: number
}

export interface RequestRow {
  service: string
  endpoint: string
  method: string
  status_code: number
  response_time_ms: number
  first_byte_ms: number
  lifetime_ms: number
  response_bytes: number
  user_id: string | null
  timestamp: string
  instance: string
}

export interface RequestPage {
  requests: RequestRow[]
  next: string | null
  scanned: number
  complete: boolean
  reached: number
}

export interface UsersAnswer {
  users: { user_id: string; requests: number; errors: number; avg: number; max: number; last: number }[]
  anonymous: number
  scanned: number
  complete: boolean
  reached: number
}

export interface CardinalityAnswer {
  services: {
    service: string
    endpoints: number
    cap: number
    overflowed: number
    others: string[]
    collapsed: { template: string; paths: number; examples: string[] }[]
  }[]
  services_cap: number
}
