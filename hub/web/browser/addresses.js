// Every screen, in each state that is worth a look: for tests and screenshots.

const endpoint = 'service=shop&method=POST&endpoint=/checkout'
export const screens = {
  overview: '#/overview',
  'overview-6h': '#/overview?w=6h',
  'overview-7d': '#/overview?w=7d&service=shop',
  'overview-empty': '#/overview?from=1600000000000&to=1600003600000',
  endpoints: '#/endpoints?w=24h',
  'endpoints-filtered': '#/endpoints?w=24h&q=orders&sort=-p95',
  'endpoints-service': '#/endpoints?w=6h&service=shop',
  endpoint: `#/endpoint?w=6h&${endpoint}`,
  'endpoint-few': '#/endpoint?w=15m&service=reports&method=POST&endpoint=/exports',
  health: '#/health',
  'health-open': '#/health?hours=168&check=shop/database',
  requests: '#/requests?w=24h',
  'requests-filtered': '#/requests?w=24h&service=shop&status=5xx&order=slowest',
  cardinality: '#/cardinality',
}
