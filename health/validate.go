package health

import "unicode/utf8"

// Validate returns what is wrong with the rules of a check, a *RuleError, or nil. It
// starts nothing.
func Validate(p Probe, opts ...Option) error {
	s := rules(opts)
	return s.fill(&p)
}

// ValidateName returns what is wrong with the name of a check, a *RuleError, or nil.
func ValidateName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return ruleErrorf("name", "must be 1 to %d bytes of UTF-8", MaxName)
	}
	for _, c := range name {
		if c < ' ' || c == 0x7f {
			return ruleErrorf("name", "contains a control character")
		}
	}
	return nil
}
