package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/net/idna"

	"github.com/kymohq/kymo/health"
)

// maxRecords bounds how many records are shown: details have room for as many texts.
const maxRecords = 15

const dnsExample = "dns:///name?type=A or dns://resolver:53/name"

// dnsProbe looks up a name at a resolver.
type dnsProbe struct {
	resolver *net.Resolver
	addr     string // of the resolver; "" is the system's
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
	if err := d.nameOf(u.Host); err != nil {
		return health.Probe{}, err
	}
	d.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, systems string) (net.Conn, error) {
		return dnsDial(ctx, network, cmp.Or(d.addr, systems))
	}}
	return networkProbe(target{"dns", cmp.Or(d.addr, "the system's name server")}, nil, d.run, nil), nil
}

// international converts names with other letters than those of ASCII. An underscore is
// allowed: services and policies have names with one.
var international = idna.New(idna.MapForLookup(), idna.StrictDomainName(false))

// nameOf puts the name into the form in which this resolver is asked for it.
func (d *dnsProbe) nameOf(resolver string) (err error) {
	if d.typ == "PTR" {
		if d.name, err = addressOf(d.name); err != nil {
			return err
		}
	} else if d.name, err = international.ToASCII(d.name); err != nil {
		return wrong("url", "has a name that cannot be one of a domain: %s", err)
	}
	if resolver == "" {
		if d.typ == "CAA" {
			return wrong("url", "must name a resolver for CAA records, as in dns://resolver:53/name?type=CAA")
		}
		return nil
	}
	if d.addr, err = hostPort(resolver, "53"); err == nil && d.typ != "PTR" {
		d.name = strings.TrimSuffix(d.name, ".") + "." // no search list: that is the system's
	}
	return err
}

// addressOf returns the address whose name a PTR record has: it is given as itself, or as
// the name of the record.
func addressOf(name string) (string, error) {
	if reverse, ok := strings.CutSuffix(strings.TrimSuffix(strings.ToLower(name), "."), ".in-addr.arpa"); ok {
		parts := strings.Split(reverse, ".")
		slices.Reverse(parts)
		name = strings.Join(parts, ".")
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	if err != nil {
		return "", wrong("url", "must have an address for a PTR record, as in dns:///192.0.2.1?type=PTR")
	}
	return ip.String(), nil
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
	if types := []string{"A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV", "PTR", "CAA"}; !slices.Contains(types, d.typ) {
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
		case failed.IsTimeout:
			err = fault("the name server does not answer")
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
	case "SRV":
		_, all, err := d.resolver.LookupSRV(ctx, "", "", d.name)
		for _, srv := range all {
			records = append(records, net.JoinHostPort(strings.TrimSuffix(srv.Target, "."), strconv.Itoa(int(srv.Port))))
		}
		return records, err
	case "PTR":
		return d.resolver.LookupAddr(ctx, d.name)
	case "CAA":
		return d.askCAA(ctx)
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
