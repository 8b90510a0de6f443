// The hub's rule for characters in names (internal/printable), for what comes from the
// address alone: what the hub answers is clean.

// Controls, separators of lines and paragraphs, formats (bidirectional controls,
// zero-width characters, tags), and letters that are blank.
const unfit = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/u
// Formats by their category, and visible.
const prepended = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u
// They shape letters and emoji; beside ASCII they only hide.
const shaping = /[\u200c\u200d\p{Variation_Selector}]/u

function isFit(before: string, c: string): boolean {
  if (shaping.test(c)) return before > '\x7f'
  return !unfit.test(c) || prepended.test(c)
}

/** The text with U+FFFD in place of characters that hide or turn what stands beside them. */
export function clean(text: string): string {
  if (/^[ -~]*$/.test(text)) return text
  let before = ''
  let out = ''
  for (const c of text) {
    out += isFit(before, c) ? c : '\ufffd'
    before = c
  }
  return out
}
