package health

// Validate returns what is wrong with the rules of a check, by the name of the rule:
// "timeout: is 2s; must …". It starts nothing.
func Validate(p Probe, opts ...Option) error {
	var s Rules
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	return s.fill(&p)
}
