package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/kymohq/kymo/health"
)

// maxBanner bounds what is read from a TCP server, in bytes.
const maxBanner = 64 << 10

// tcpProbe connects, sends a text if one is configured, and waits for the expected
// answer.
type tcpProbe struct {
	addr     string
	body     []byte
	contains []byte
}

func newTCP(s *Spec) (health.Probe, error) {
	u, hide, err := parseURL("url", s.URL, "tcp://host:5432", "tcp")
	if err != nil {
		return health.Probe{}, err
	}
	if u.Port() == "" {
		return health.Probe{}, wrong("url", "names no port; it must look like tcp://host:5432")
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
		return health.Probe{}, wrong("url", "must have nothing but the host and the port, like tcp://host:5432")
	}
	t := &tcpProbe{addr: u.Host, body: []byte(s.Body), contains: []byte(s.Contains)}
	return networkProbe(target{"tcp", t.addr}, hide, t.run, nil), nil
}

func (t *tcpProbe) run(ctx context.Context) (health.Details, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	details := health.Details{"address": conn.RemoteAddr().String()}
	if len(t.body) > 0 {
		if _, err := conn.Write(t.body); err != nil {
			return details, err
		}
	}
	return details, t.listen(conn)
}

// listen reads until what is expected has come.
func (t *tcpProbe) listen(r io.Reader) error {
	var heard []byte
	buf := make([]byte, 4<<10)
	for !bytes.Contains(heard, t.contains) {
		n, err := r.Read(buf)
		heard = append(heard, buf[:n]...)
		switch {
		case bytes.Contains(heard, t.contains):
		case errors.Is(err, io.EOF):
			return fault(fmt.Sprintf("answer does not contain %q", t.contains))
		case err != nil:
			return err
		case len(heard) > maxBanner:
			return fault(fmt.Sprintf("the first %d bytes of the answer do not contain %q", maxBanner, t.contains))
		}
	}
	return nil
}
