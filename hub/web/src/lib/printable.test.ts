import { expect, test } from 'vitest'
import cases from '../../../../internal/printable/testdata/cases.json'
import { clean } from './printable'

test.each(cases.honest)('%j stays what it is', (text) => expect(clean(text)).toBe(text))

test.each(Object.values(cases.deceivers).flat())('%s does not', (name) => {
  const c = String.fromCodePoint(parseInt(name.slice(2), 16))
  for (const before of ['', 'a', '世']) expect(clean(`${before}${c}z`)).toBe(`${before}\ufffdz`)
})

test.each(cases.replaced)('$text reads $want', ({ text, want }) => expect(clean(text)).toBe(want))

test('half a pair of surrogates does not stay', () => expect(clean('ü\ud800b')).toBe('ü\ufffdb'))
