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

// known is what one type of ResponseWriter can do.
type known struct {
	t   reflect.Type
	set abilities
	own bool // it is net/http's, which only a server makes
}

var (
	// allKnown has every type seen, by reflect.Type.
	allKnown sync.Map
	// lastKnown spares nearly all requests the look-up: those of one server come
	// with writers of the same type.
	lastKnown atomic.Pointer[known]
)

// typeOf returns what rw can do.
func typeOf(rw http.ResponseWriter) *known {
	t := reflect.TypeOf(rw)
	if k := lastKnown.Load(); k != nil && k.t == t {
		return k
	}
	v, ok := allKnown.Load(t)
	if !ok {
		v, _ = allKnown.LoadOrStore(t, &known{t, find(rw), isOwn(rw)})
	}
	k := v.(*known)
	lastKnown.Store(k)
	return k
}

// find asks rw for each.
func find(rw http.ResponseWriter) (set abilities) {
	for i, has := range [...]bool{
		is[http.Flusher](rw), is[http.Hijacker](rw), is[io.ReaderFrom](rw),
		is[closeNotifier](rw), is[http.Pusher](rw), is[io.StringWriter](rw),
	} {
		if has {
			set |= 1 << i
		}
	}
	return set
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}
