package fleet

// Dismiss makes a service that was expected one that is discovered: from now on it
// is known as long as it has instances.
func (f *Fleet) Dismiss(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.services[name]
	if s == nil || !s.expected {
		return
	}
	f.discovered++
	s.expected, s.silence = false, DefaultSilence
	if len(s.instances) == 0 {
		f.forget(name)
	}
}
