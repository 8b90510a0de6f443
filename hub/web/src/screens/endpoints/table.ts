// The columns of the table of endpoints, and its order.

import type { Row } from './row'

export interface Column {
  id: string
  label: string
  title: string
  value: (r: Row) => number
  /** Whether the value has no meaning if there are too few requests. */
  judged?: boolean
  /** The class that hides the column on narrower screens. */
  hide?: 'small' | 'medium'
}

export const columns: Column[] = [
  {
    id: 'requests',
    label: 'Requests',
    title: 'Requests in the time shown',
    value: (r) => r.total_requests,
    hide: 'small',
  },
  { id: 'rate', label: 'Rate', title: 'Requests a second, on average', value: (r) => r.total_requests, hide: 'medium' },
  { id: 'p50', label: 'p50', title: 'Median latency', value: (r) => r.p50_response_time, judged: true, hide: 'small' },
  { id: 'p95', label: 'p95', title: '95th percentile of the latency', value: (r) => r.p95_response_time, judged: true },
  {
    id: 'p99',
    label: 'p99',
    title: '99th percentile of the latency',
    value: (r) => r.p99_response_time,
    judged: true,
    hide: 'small',
  },
  { id: 'max', label: 'Max', title: 'The longest latency (exact)', value: (r) => r.max_response_time, hide: 'medium' },
  {
    id: 'errors',
    label: 'Errors',
    title: 'Share answered with 5xx or by a panic',
    value: (r) => r.error_rate,
    judged: true,
  },
  {
    id: 'client',
    label: '4xx',
    title: 'Share answered with 4xx, other than 499',
    value: (r) => r.client_error_rate,
    judged: true,
    hide: 'medium',
  },
  {
    id: 'time',
    label: 'Time',
    title: 'Share of the time that all requests took together',
    value: (r) => r.time_share,
    hide: 'medium',
  },
]

export interface Sort {
  id: string
  down: boolean
}

export const defaultSort: Sort = { id: 'time', down: true }

export function readSort(text: string): Sort {
  const down = text.startsWith('-')
  const id = down ? text.slice(1) : text
  return id === 'name' || columns.some((c) => c.id === id) ? { id, down } : defaultSort
}

export function writeSort(s: Sort): string {
  return (s.down ? '-' : '') + s.id
}

/** The keys of the rows in order. Values without meaning come last in either direction. */
export function ordered(rows: Row[], sort: Sort): string[] {
  const column = columns.find((c) => c.id === sort.id)
  const sign = sort.down ? -1 : 1
  const byName = (a: Row, b: Row) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const few = (r: Row) => (column?.judged && r.insufficient_data ? 1 : 0)
  const compare = column
    ? (a: Row, b: Row) => few(a) - few(b) || sign * (column.value(a) - column.value(b)) || byName(a, b)
    : (a: Row, b: Row) => sign * byName(a, b)
  return [...rows].sort(compare).map((r) => r.key)
}

export interface Filter {
  text: string
  slow: boolean
  failing: boolean
}

export function passes(r: Row, f: Filter): boolean {
  return (
    (!f.slow || r.slow) &&
    (!f.failing || r.error_rate > 0) &&
    f.text.split(/\s+/).every((word) => r.search.includes(word))
  )
}
