import { expect, test } from 'vitest'
import { Turns } from './turns'

test('a limited number run at once, the others in order, and those aborted are skipped', async () => {
  const turns = new Turns(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  const leaver = new AbortController()
  const all = [0, 1, 2, 3, 4].map((n) =>
    turns
      .run(
        () => {
          begun.push(n)
          return new Promise<number>(
            (end, fail) => (ends[n] = n === 1 ? () => fail(new Error('no answer')) : () => end(n)),
          )
        },
        n === 2 ? leaver.signal : undefined,
      )
      .catch((e: unknown) => (e as Error).name),
  )
  const settle = () => new Promise((go) => setTimeout(go))
  await settle()
  expect(begun).toEqual([0, 1])
  leaver.abort()
  ends[1]()
  await settle()
  expect(begun).toEqual([0, 1, 3])
  ends[0]()
  await settle()
  expect(begun).toEqual([0, 1, 3, 4])
  ends[3]()
  ends[4]()
  expect(await Promise.all(all)).toEqual([0, 'Error', 'AbortError', 3, 4])
})
