package health

import (
	"context"
	"errors"
	"net"
)

// TCP returns a probe that connects to the address, "host:port".
func TCP(address string) Probe {
	return Probe{Kind: "tcp", Run: func(ctx context.Context) (Details, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return nil, c.Close()
	}}
}

// DNS returns a probe that resolves the host. A nil resolver is the system's.
func DNS(host string, resolver *net.Resolver) Probe {
	return Probe{Kind: "dns", Run: func(ctx context.Context) (Details, error) {
		addresses, err := resolver.LookupHost(ctx, host) // a nil one is the default
		var missing *net.DNSError
		if errors.As(err, &missing) && missing.IsNotFound {
			return nil, errors.New("the name does not exist")
		}
		if err != nil {
			return nil, err
		}
		return Details{"addresses": addresses}, nil
	}}
}
