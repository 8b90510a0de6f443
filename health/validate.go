package health

// Validate says what Register would say is wrong with the options of a check,
// by the option's name: "timeout: is 2s; must …". It starts nothing.
func Validate(p Probe, opts ...Option) error {
	var s Settings
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	return s.settle(&p)
}
