package wire

import "fmt"

// Validate returns a *FieldError for the first invalid field of the first request that
// has one, nil if the batch is valid. Batches returned by Decode are valid.
func (b *Batch) Validate() error {
	if b.Instance == "" || !fit(b.Instance, MaxInstance) {
		return &FieldError{Index: -1, Field: "instance", Problem: requiredText(MaxInstance)}
	}
	if !fit(b.Version, MaxVersion) {
		return &FieldError{Index: -1, Field: "version", Problem: optionalText(MaxVersion)}
	}
	if e := b.checkCounts(); e != nil {
		return e
	}
	for _, d := range b.Drops {
		if d.Service == "" || !fit(d.Service, MaxService) {
			return &FieldError{Index: -1, Field: "drops.service", Problem: requiredText(MaxService)}
		}
		if d.At < 0 || d.At > MaxStart {
			return &FieldError{Index: -1, Field: "drops.at", Problem: StartProblem}
		}
	}
	for k := range b.Keys {
		if e := b.Keys[k].check(); e != nil {
			e.Index = b.firstOf(b.Key, k)
			return e
		}
	}
	for u, user := range b.Users {
		if !fit(user, MaxUser) {
			return &FieldError{Index: b.firstOf(b.User, u), Field: "user_id", Problem: optionalText(MaxUser)}
		}
	}
	for i, name := range b.Errors {
		if !fit(name, MaxError) {
			return &FieldError{Index: b.firstOf(b.Error, i), Field: "error", Problem: optionalText(MaxError)}
		}
	}
	for i, o := range b.Processes {
		if !fit(o.Instance, MaxInstance) {
			return &FieldError{Index: b.firstOf(b.Process, i), Field: "instance", Problem: optionalText(MaxInstance)}
		}
		if !fit(o.Version, MaxVersion) {
			return &FieldError{Index: b.firstOf(b.Process, i), Field: "version", Problem: optionalText(MaxVersion)}
		}
	}
	if e := b.checkRows(); e != nil {
		return e
	}
	if e := b.checkHealth(); e != nil {
		return e
	}
	return nil
}

func (b *Batch) checkCounts() *FieldError {
	n := b.Len()
	switch {
	case n > MaxRequests:
		return &FieldError{Index: -1, Field: "requests", Problem: fmt.Sprintf("has %d requests; at most %d are allowed", n, MaxRequests)}
	case len(b.User) != n || len(b.Start) != n || len(b.Duration) != n ||
		len(b.FirstByte) != n || len(b.Lifetime) != n || len(b.Size) != n ||
		!fits(len(b.Error), n, len(b.Errors)) || !fits(len(b.Process), n, len(b.Processes)) || len(b.Traces) > 0 && len(b.Traces) != n:
		return &FieldError{Index: -1, Field: "requests", Problem: "has columns of different lengths"}
	case len(b.Keys) > MaxRequests:
		return tooMany("keys", len(b.Keys), MaxRequests)
	case len(b.Users) > MaxRequests+1:
		return tooMany("users", len(b.Users), MaxRequests+1)
	case len(b.Errors) > MaxRequests+1:
		return tooMany("errors", len(b.Errors), MaxRequests+1)
	case len(b.Processes) > MaxRequests+1:
		return tooMany("processes", len(b.Processes), MaxRequests+1)
	case len(b.Drops) > MaxDrops:
		return tooMany("drops", len(b.Drops), MaxDrops)
	case len(b.Health) > MaxHealth:
		return tooMany("health", len(b.Health), MaxHealth)
	case b.Kind > Leaving:
		return &FieldError{Index: -1, Field: "kind", Problem: fmt.Sprintf("is %d; must be 0 to %d", b.Kind, Leaving)}
	case b.Kind != Kept && n+len(b.Drops) > 0:
		return &FieldError{Index: -1, Field: "kind", Problem: "is a heartbeat, which has neither requests nor drops"}
	case len(b.Users) > 0 && b.Users[0] != "":
		return &FieldError{Index: -1, Field: "users", Problem: "must begin with the empty user"}
	case len(b.Errors) > 0 && b.Errors[0] != "":
		return &FieldError{Index: -1, Field: "errors", Problem: "must begin with the empty error"}
	case len(b.Processes) > 0 && b.Processes[0] != Process{}:
		return &FieldError{Index: -1, Field: "processes", Problem: "must begin with the empty process"}
	}
	return nil
}

// fits reports whether an optional column is as long as it must be: n if its dictionary has
// entries, else empty.
func fits(column, n, entries int) bool {
	if entries == 0 {
		n = 0
	}
	return column == n
}

func tooMany(field string, n, limit int) *FieldError {
	return &FieldError{Index: -1, Field: field, Problem: fmt.Sprintf("has %d entries; at most %d are allowed", n, limit)}
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
		return &FieldError{Index: -1, Field: "service", Problem: requiredText(MaxService)}
	case k.Endpoint == "" || !fit(k.Endpoint, MaxEndpoint):
		return &FieldError{Index: -1, Field: "endpoint", Problem: requiredText(MaxEndpoint)}
	case k.Method == "" || !fit(k.Method, MaxMethod):
		return &FieldError{Index: -1, Field: "method", Problem: requiredText(MaxMethod)}
	}
	if problem := StatusProblem(k.Status); problem != "" {
		return &FieldError{Index: -1, Field: "status_code", Problem: problem}
	}
	return nil
}

// checkRows checks column by column, with one comparison for each value. It checks a
// column only up to the first error in earlier ones, so that the error it returns is
// that of the first invalid request. OutOfBounds is the same for one request.
func (b *Batch) checkRows() (e *FieldError) {
	n := b.Len()
	note := func(at int, field, problem string) {
		if at < n {
			n, e = at, &FieldError{Index: at, Field: field, Problem: problem}
		}
	}
	note(within(b.Key[:n], int64(len(b.Keys))-1), "endpoint", "refers to no key of the batch")
	note(within(b.User[:n], int64(len(b.Users))-1), "user_id", "refers to no user of the batch")
	if len(b.Error) > 0 {
		note(within(b.Error[:n], int64(len(b.Errors))-1), "error", "refers to no error of the batch")
	}
	if len(b.Process) > 0 {
		note(within(b.Process[:n], int64(len(b.Processes))-1), "instance", "refers to no process of the batch")
	}
	note(within(b.Start[:n], MaxStart), "timestamp", StartProblem)
	note(within(b.Duration[:n], int64(MaxDuration)), "response_time_ms", DurationProblem)
	note(withinColumn(b.FirstByte[:n], b.Duration[:n]), "first_byte_ms", firstByteProblem)
	note(within(b.Lifetime[:n], int64(MaxDuration)), "lifetime_ms", DurationProblem)
	note(within(b.Size[:n], MaxSize), "response_bytes", sizeProblem)
	return e
}

// within returns the number of values before the first that is not from 0 to limit.
func within[T uint32 | int64](column []T, limit int64) int {
	for i, v := range column {
		if int64(v) < 0 || int64(v) > limit {
			return i
		}
	}
	return len(column)
}

// withinColumn returns the number of values before the first that is not from 0 to its
// limit.
func withinColumn(column, limits []int64) int {
	limits = limits[:len(column)]
	for i, v := range column {
		if v < 0 || v > limits[i] {
			return i
		}
	}
	return len(column)
}
