import { beforeEach, expect, test, vi } from 'vitest'

// All modules except main.ts.
const modules = import.meta.glob<object>(['./**/*.{svelte,ts}', '!./**/*.{test,d}.ts', '!./main.ts', '!./testing/*'])

let callers: string[] = []
beforeEach(() => {
  callers = []
  // Node.js has these, and the imports of the test itself need some of them.
  for (const name of ['fetch', 'queueMicrotask', 'setInterval', 'setTimeout'] as const) {
    const real = globalThis[name] as (...args: unknown[]) => unknown
    vi.stubGlobal(name, (...args: unknown[]) => {
      const caller = new Error().stack?.match(/\/src\/(?!imports\.test\.ts)[\w./]+/)
      if (caller) callers.push(`${caller[0]} calls ${name}`)
      return real(...args)
    })
  }
})

// A module and its imports are compiled when it is first imported, which takes a busy machine some
// seconds.
test.for(Object.entries(modules))('importing %s does nothing', { timeout: 300_000 }, async ([, load]) => {
  // Node.js does not have these, so importing a module that uses one would fail.
  for (const name of ['addEventListener', 'document', 'history', 'location', 'matchMedia', 'window']) {
    expect(globalThis).not.toHaveProperty(name)
  }
  await load()
  expect(callers).toEqual([])
})
