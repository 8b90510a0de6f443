package kymo

import (
	"io"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
)

// abilities is a set of the optional interfaces of a ResponseWriter: the bits
// are those of tools/shapes, in its order.
type abilities uint8

// writerType is what one type of ResponseWriter can do.
type writerType struct {
	t   reflect.Type
	set abilities
	own bool // it is net/http's, which only a server makes
}

var (
	// writerTypes has every type seen, by reflect.Type.
	writerTypes sync.Map
	// lastWriterType spares nearly all requests the look-up: those of one server come
	// with writers of the same type.
	lastWriterType atomic.Pointer[writerType]
)

// writerTypeOf returns what rw can do.
func writerTypeOf(rw http.ResponseWriter) *writerType {
	t := reflect.TypeOf(rw)
	if k := lastWriterType.Load(); k != nil && k.t == t {
		return k
	}
	v, ok := writerTypes.Load(t)
	if !ok {
		v, _ = writerTypes.LoadOrStore(t, &writerType{t, abilitiesOf(rw), isServerWriter(rw)})
	}
	k := v.(*writerType)
	lastWriterType.Store(k)
	return k
}

// abilitiesOf returns what rw can do, by type assertions.
func abilitiesOf(rw http.ResponseWriter) (set abilities) {
	for i, has := range [...]bool{
		implements[http.Flusher](rw), implements[http.Hijacker](rw), implements[io.ReaderFrom](rw),
		implements[closeNotifier](rw), implements[http.Pusher](rw), implements[io.StringWriter](rw),
	} {
		if has {
			set |= 1 << i
		}
	}
	return set
}

func implements[T any](v any) bool {
	_, ok := v.(T)
	return ok
}
