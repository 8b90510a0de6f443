package health

// Validate returns what is wrong with the rules of a check, a *RuleError, or nil. It
// starts nothing.
func Validate(p Probe, opts ...Option) error {
	s := rules(opts)
	return s.fill(&p)
}
