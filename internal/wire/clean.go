package wire

import "github.com/kymohq/kymo/internal/printable"

// Clean makes every text of a valid batch fit to be shown, as the function Clean does.
// The format lets more pass, since senders of another version may know other
// characters that deceive, and a name that a stranger chose must not cost the batch.
func (b *Batch) Clean() {
	b.Instance = Clean(b.Instance, MaxInstance)
	b.Version = Clean(b.Version, MaxVersion)
	for i := range b.Keys {
		k := &b.Keys[i]
		k.Service = Clean(k.Service, MaxService)
		k.Endpoint = Clean(k.Endpoint, MaxEndpoint)
		k.Method = Clean(k.Method, MaxMethod)
	}
	for i := range b.Users {
		b.Users[i] = Clean(b.Users[i], MaxUser)
	}
	for i := range b.Errors {
		b.Errors[i] = Clean(b.Errors[i], MaxError)
	}
	for i := range b.Processes {
		o := &b.Processes[i]
		o.Instance, o.Version = Clean(o.Instance, MaxInstance), Clean(o.Version, MaxVersion)
	}
	for i := range b.Drops {
		b.Drops[i].Service = Clean(b.Drops[i].Service, MaxService)
	}
	for i := range b.Health {
		h := &b.Health[i]
		h.Service = Clean(h.Service, MaxService)
		h.Check = Clean(h.Check, MaxCheck)
		h.Reason = Clean(h.Reason, MaxReason)
		if details := printable.JSON([]byte(h.Details)); len(details) <= MaxDetails {
			h.Details = string(details)
		} else {
			h.Details = `{"error":"the details are too long once characters that deceive are replaced"}`
		}
	}
}
