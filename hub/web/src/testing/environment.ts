// The environment of specs: modules are compiled for a browser, but there is none. A spec
// provides what its module needs of one.

import type { Environment } from 'vitest/runtime'

export default {
  name: 'bare',
  viteEnvironment: 'client',
  setup: () => ({ teardown() {} }),
} satisfies Environment
