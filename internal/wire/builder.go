package wire

import "slices"

// Builder collects requests into a batch.
type Builder struct {
	batch  Batch
	keys   map[Key]uint32
	users  map[string]uint32
	errors map[string]uint32 // empty until a request has one, as are the processes

	processes map[Process]uint32
}

// NewBuilder returns an empty builder.
func NewBuilder() *Builder {
	b := &Builder{keys: make(map[Key]uint32), users: make(map[string]uint32), errors: make(map[string]uint32), processes: make(map[Process]uint32)}
	b.Reset()
	return b
}

// Add appends a request. It checks nothing: see Batch.Validate. A request without a process
// is of the batch's own.
func (b *Builder) Add(r *Request) {
	b.AddRow(b.Key(r.Key), r)
}

// Key returns the place of key in the batch's dictionary, adding it if need be.
func (b *Builder) Key(key Key) uint32 {
	i, ok := b.keys[key]
	if !ok {
		i = uint32(len(b.batch.Keys))
		b.batch.Keys = append(b.batch.Keys, key)
		b.keys[key] = i
	}
	return i
}

// AddRow is Add for a request whose key is at a known place; r.Key is not read.
func (b *Builder) AddRow(key uint32, r *Request) {
	user, ok := b.users[r.User]
	if !ok {
		user = uint32(len(b.batch.Users))
		b.batch.Users = append(b.batch.Users, r.User)
		b.users[r.User] = user
	}
	t := &b.batch
	t.Key = append(t.Key, key)
	t.User = append(t.User, user)
	t.Start = append(t.Start, r.Start)
	t.Duration = append(t.Duration, int64(r.Duration))
	t.FirstByte = append(t.FirstByte, int64(r.FirstByte))
	t.Lifetime = append(t.Lifetime, int64(r.Lifetime))
	t.Size = append(t.Size, r.Size)
	addOptional(&t.Errors, &t.Error, b.errors, len(t.Key), r.Error)
	addOptional(&t.Processes, &t.Process, b.processes, len(t.Key), r.Process)
	if r.Trace != (TraceID{}) || len(t.Traces) > 0 {
		t.Traces = zeros(t.Traces, len(t.Key))
		t.Traces[len(t.Key)-1] = r.Trace
	}
}

// addOptional appends the value of the last of n requests to a column that few batches
// have. It is made with the first value that differs from zero, which the requests before it have.
func addOptional[V comparable](list *[]V, column *[]uint32, places map[V]uint32, n int, value V) {
	var none V
	if len(*list) == 0 {
		if value == none {
			return
		}
		*list = append(*list, none)
		places[none] = 0
	}
	place, ok := places[value]
	if !ok {
		place = uint32(len(*list))
		*list = append(*list, value)
		places[value] = place
	}
	*column = zeros(*column, n)
	(*column)[n-1] = place
}

// zeros extends a column to n values with zeros.
func zeros[T any](column []T, n int) []T {
	had := len(column)
	column = slices.Grow(column, n-had)[:n]
	clear(column[had:])
	return column
}

// AddDrop appends a count of dropped requests.
func (b *Builder) AddDrop(d Drop) { b.batch.Drops = append(b.batch.Drops, d) }

// AddHealth appends a health result.
func (b *Builder) AddHealth(h HealthResult) { b.batch.Health = append(b.batch.Health, h) }

// Len returns the number of requests added since the last Reset.
func (b *Builder) Len() int { return b.batch.Len() }

// Batch returns what was added, with the given identity. The batch uses the builder's
// memory: it is valid until the next call of another method.
func (b *Builder) Batch(instance string, sequence uint64) *Batch {
	b.batch.Instance, b.batch.Sequence = instance, sequence
	return &b.batch
}

// Reset empties the builder, keeping its memory.
func (b *Builder) Reset() {
	clear(b.keys)
	clear(b.users)
	clear(b.errors)
	clear(b.processes)
	b.batch.Reset()
	b.batch.Users = append(b.batch.Users, "")
	b.users[""] = 0
}
