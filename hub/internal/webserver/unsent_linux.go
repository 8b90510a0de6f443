package webserver

import (
	"net"
	"syscall"
)

// maxUnsent is how many bytes the kernel takes from an answer before it sends them.
const maxUnsent = 128 << 10

// tcpNotSentLimit is TCP_NOTSENT_LOWAT of tcp(7), which package syscall does not have.
const tcpNotSentLimit = 25

// boundUnsent makes the kernel wait with an answer until its client takes it. By
// default it buffers megabytes, of which a third must be sent before it takes more: a
// client that receives them slowly would look like one that receives nothing.
func boundUnsent(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return // It is closed already.
	}
	// A kernel without it is as it was.
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLimit, maxUnsent)
	})
}
