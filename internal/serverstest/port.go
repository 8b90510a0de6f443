package serverstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// given are the ports that FreePort returned: their servers may not listen yet.
var given sync.Map

// FreePort returns a loopback port on which nothing listens. It is below those
// that the kernel gives to outgoing connections and to listeners that want any, so that
// none of them takes it while its server does not run.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		if _, before := given.LoadOrStore(port, nil); !before {
			return port
		}
	}
	t.Fatal("no free port between 10000 and 30000")
	return 0
}

// FreeAddress returns 127.0.0.1 with a port as FreePort returns it.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}
