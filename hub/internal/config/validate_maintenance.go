package config

import (
	"fmt"

	"github.com/kymohq/kymo/hub/internal/maintenance"
)

// maintenance rejects windows that cannot be understood, and those whose name another has:
// the history tells them apart by it.
func (v *verdict) maintenance() {
	seen := make(map[string]int)
	for i := range v.Maintenance {
		w := &v.Maintenance[i]
		entry := fmt.Sprintf("maintenance[%d]", i)
		if w.Name == "" {
			v.add(Errorf(entry+".name", "is missing; it is shown while the window is in force"))
			continue
		}
		if first, taken := seen[w.Name]; taken {
			v.add(Errorf(entry+".name", "%q is the name of maintenance[%d] already; give each a name of its own", w.Name, first))
			continue
		}
		seen[w.Name] = i
		_, err := maintenance.Parse(w)
		v.broken(entry, err)
	}
}
