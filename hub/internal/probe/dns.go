package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/kymohq/kymo/health"
)

// maxRecords bounds how many records are shown: details have room for as many texts.
const maxRecords = 15

const dnsExample = "dns:///name?type=A or dns://resolver:53/name"

// dnsProbe looks up a name at a resolver.
type dnsProbe struct {
	resolver *net.Resolver
	name     string
	typ      string
	expect   []string
}

// newDNS reads a URI as RFC 4501 has it: dns://resolver:port/name?type=A. Without
// a resolver it is the system's.
func newDNS(s *Spec) (health.Probe, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "dns" || u.User != nil {
		return health.Probe{}, wrong("url", "must look like %s", dnsExample)
	}
	d := &dnsProbe{name: strings.TrimPrefix(u.Path+u.Opaque, "/"), typ: "A"}
	if d.name == "" || strings.Contains(d.name, "/") {
		return health.Probe{}, wrong("url", "must have one name after the resolver's slash: %s", dnsExample)
	}
	if err := d.options(u.RawQuery); err != nil {
		return health.Probe{}, err
	}
	for _, expected := range s.Expect {
		d.expect = append(d.expect, canonical(expected))
	}
	addr := ""
	if u.Host != "" {
		var err error
		if addr, err = hostPort(u.Host, "53"); err != nil {
			return health.Probe{}, err
		}
		d.name = strings.TrimSuffix(d.name, ".") + "." // no search list: that is the system's
	}
	d.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, systems string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, cmp.Or(addr, systems))
		if err == nil { // the resolver would heed the deadline alone
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}}
	return networkProbe("dns", nil, d.run, nil), nil
}

// options reads what follows the question mark, with ; between as in RFC 4501, or &.
func (d *dnsProbe) options(query string) error {
	for option := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == ';' || r == '&' }) {
		name, value, _ := strings.Cut(option, "=")
		value = strings.ToUpper(value)
		switch strings.ToLower(name) {
		case "type":
			d.typ = value
		case "class":
			if value != "IN" {
				return wrong("url", "has a class that is not IN")
			}
		default:
			return wrong("url", "has an option that dns: does not take; it takes type and class")
		}
	}
	if types := []string{"A", "AAAA", "CNAME", "MX", "TXT", "NS"}; !slices.Contains(types, d.typ) {
		return wrong("url", "has a type that is not supported; must be one of %s", strings.Join(types, ", "))
	}
	return nil
}

func (d *dnsProbe) run(ctx context.Context) (health.Details, error) {
	records, err := d.ask(ctx)
	if failed := (*net.DNSError)(nil); errors.As(err, &failed) && !isOver(ctx) {
		switch {
		case failed.IsNotFound:
			err = d.missing()
		case strings.HasSuffix(failed.Err, syscall.ECONNREFUSED.Error()): // which is all that remains of it
			err = fault("connection refused by the name server")
		default:
			err = fault("the name server cannot answer: " + secrets(nil).show(failed.Err))
		}
	}
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, d.missing()
	}
	slices.Sort(records)
	details := health.Details{"records": records[:min(len(records), maxRecords)]}
	for _, expected := range d.expect {
		if !slices.ContainsFunc(records, func(r string) bool { return canonical(r) == expected }) {
			return details, fault(fmt.Sprintf("the answer has no %s", expected))
		}
	}
	return details, nil
}

func (d *dnsProbe) missing() fault { return fault(fmt.Sprintf("%s has no %s record", d.name, d.typ)) }

// ask returns the records as strings.
func (d *dnsProbe) ask(ctx context.Context) (records []string, err error) {
	switch d.typ {
	case "A", "AAAA":
		network := map[string]string{"A": "ip4", "AAAA": "ip6"}[d.typ]
		all, err := d.resolver.LookupNetIP(ctx, network, d.name)
		for _, ip := range all {
			records = append(records, ip.Unmap().String())
		}
		return records, err
	case "CNAME":
		name, err := d.resolver.LookupCNAME(ctx, d.name)
		if err != nil || canonical(name) == canonical(d.name) { // which is its answer if there is none
			return nil, err
		}
		return []string{name}, nil
	case "MX":
		all, err := d.resolver.LookupMX(ctx, d.name)
		for _, mx := range all {
			records = append(records, mx.Host)
		}
		return records, err
	case "NS":
		all, err := d.resolver.LookupNS(ctx, d.name)
		for _, ns := range all {
			records = append(records, ns.Host)
		}
		return records, err
	}
	all, err := d.resolver.LookupTXT(ctx, d.name)
	for _, text := range all {
		records = append(records, secrets(nil).show(text))
	}
	return records, err
}

// canonical is a record for comparing: names have no case, and may end in a dot;
// an address has many forms.
func canonical(record string) string {
	if ip := net.ParseIP(record); ip != nil {
		return ip.String()
	}
	return strings.ToLower(strings.TrimSuffix(record, "."))
}
