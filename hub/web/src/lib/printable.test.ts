import { expect, test } from 'vitest'
import { clean } from './printable'

test.each([
  '/orders/{id}',
  '',
  'Zürich 東京 שלום العربية',
  '👩\u200d🔬 ❤\ufe0f', // joined, and shown as an emoji
  'ن\u200cم',
  '\u0600\u06dd', // prepended marks of numbers
  'a\u00a0b\u202fc',
  '\ufffd',
])('%j stays what it is', (text) => expect(clean(text)).toBe(text))

test.each([
  0, 9, 10, 0x1b, 0x7f, 0x80, 0x9b, 0xad, 0x34f, 0x61c, 0x115f, 0x17b4, 0x180e, 0x200b, 0x200e, 0x2028, 0x2029, 0x202a,
  0x202e, 0x2060, 0x2066, 0x2069, 0x2800, 0x3164, 0xfeff, 0xffa0, 0xfff9, 0x1d173, 0xe0000, 0xe0041, 0xe007f, 0xd800,
])('U+%i does not', (code) => expect(clean(`ü${String.fromCodePoint(code)}b`)).toBe('ü\ufffdb'))

test.each(['\u200c', '\u200d', '\ufe0f', '\u{e0100}'])('%j only hides beside ASCII', (c) => {
  expect(clean(`a${c}b`)).toBe('a\ufffdb')
  expect(clean(c)).toBe('\ufffd')
})
