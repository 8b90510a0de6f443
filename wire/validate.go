package wire

import "fmt"

// Validate says what keeps the batch from being kept, as a *FieldError that
// names the request and the field; nil if nothing does. A batch that Decode
// returned is valid.
func (b *Batch) Validate() error {
	if b.Instance == "" || !fit(b.Instance, MaxInstance) {
		return &FieldError{-1, "instance", textProblem(MaxInstance, true)}
	}
	if n := b.Len(); n > MaxRequests {
		return &FieldError{-1, "requests", fmt.Sprintf("is a batch of %d; at most %d", n, MaxRequests)}
	}
	if len(b.Drops) > MaxDrops {
		return &FieldError{-1, "drops", fmt.Sprintf("has %d entries; at most %d", len(b.Drops), MaxDrops)}
	}
	for _, d := range b.Drops {
		if d.Service == "" || !fit(d.Service, MaxService) {
			return &FieldError{-1, "drops.service", textProblem(MaxService, true)}
		}
		if d.At < 0 || d.At > MaxStart {
			return &FieldError{-1, "drops.at", startProblem}
		}
	}
	for k, key := range b.Keys {
		if e := key.check(); e != nil {
			e.Index = b.firstOf(b.Key, k)
			return e
		}
	}
	for u, user := range b.Users {
		if !fit(user, MaxUser) {
			return &FieldError{b.firstOf(b.User, u), "user_id", textProblem(MaxUser, false)}
		}
	}
	return b.validateRows()
}

// firstOf returns the first request that uses entry of a dictionary, -1 if none does.
func (b *Batch) firstOf(column []uint32, entry int) int {
	for i, e := range column {
		if int(e) == entry {
			return i
		}
	}
	return -1
}

func (k *Key) check() *FieldError {
	switch {
	case k.Service == "" || !fit(k.Service, MaxService):
		return &FieldError{-1, "service", textProblem(MaxService, true)}
	case k.Endpoint == "" || !fit(k.Endpoint, MaxEndpoint):
		return &FieldError{-1, "endpoint", textProblem(MaxEndpoint, true)}
	case k.Method == "" || !fit(k.Method, MaxMethod):
		return &FieldError{-1, "method", textProblem(MaxMethod, true)}
	case k.Status < MinStatus || k.Status > MaxStatus:
		return &FieldError{-1, "status_code", fmt.Sprintf("is %d; must be from %d to %d", k.Status, MinStatus, MaxStatus)}
	}
	return nil
}

func (b *Batch) validateRows() error {
	n := b.Len()
	if len(b.User) != n || len(b.Start) != n || len(b.Duration) != n ||
		len(b.FirstByte) != n || len(b.Lifetime) != n || len(b.Size) != n {
		return &FieldError{-1, "requests", "has columns of different lengths"}
	}
	for i := range n {
		switch {
		case int(b.Key[i]) >= len(b.Keys):
			return &FieldError{i, "endpoint", "refers to no key of the batch"}
		case int(b.User[i]) >= len(b.Users):
			return &FieldError{i, "user_id", "refers to no user of the batch"}
		case b.Start[i] < 0 || b.Start[i] > MaxStart:
			return &FieldError{i, "timestamp", startProblem}
		case b.Duration[i] < 0 || b.Duration[i] > int64(MaxDuration):
			return &FieldError{i, "response_time_ms", durationProblem}
		case b.FirstByte[i] < 0 || b.FirstByte[i] > b.Duration[i]:
			return &FieldError{i, "first_byte_ms", "must be from 0 to response_time_ms"}
		case b.Lifetime[i] < 0 || b.Lifetime[i] > int64(MaxDuration):
			return &FieldError{i, "lifetime_ms", durationProblem}
		case b.Size[i] < 0 || b.Size[i] > MaxSize:
			return &FieldError{i, "response_size", "must be from 0 to 2^53-1 bytes"}
		}
	}
	return nil
}

const (
	startProblem    = "must lie between the years 1970 and 9999"
	durationProblem = "must be from 0 to 2147483647 ms (24.8 days)"
)

func textProblem(limit int, required bool) string {
	least := 0
	if required {
		least = 1
	}
	return fmt.Sprintf("must be %d to %d bytes of UTF-8 without control characters", least, limit)
}
