// Where specs run: what runs in a browser, compiled for one, but without anything
// that a browser has. A spec puts in place what its module needs, and no more.

import type { Environment } from 'vitest/runtime'

export default {
  name: 'bare',
  viteEnvironment: 'client',
  setup: () => ({ teardown() {} }),
} satisfies Environment
