// How much of a check's past is shown, and its uptime in words.

export const ranges = [
  { hours: 1, label: '1 h' },
  { hours: 24, label: '24 h' },
  { hours: 168, label: '7 days' },
  { hours: 720, label: '30 days' },
  { hours: 2160, label: '90 days' },
]

/** Uptime as a percentage, which is 100 % only if it is exactly that. */
export function uptime(percent: number | null | undefined): string {
  if (percent == null) return 'unknown'
  if (percent === 100) return '100\u202f%'
  return (percent > 99.99 ? '>\u202f99.99' : percent.toFixed(percent > 99 ? 2 : 1)) + '\u202f%'
}
