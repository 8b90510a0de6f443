package probe

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/kymohq/kymo/health"
)

// zone has the records of a name server, by type and name with its dot.
type zone map[string][]dnsmessage.ResourceBody

// dnsServer returns the address of a name server over UDP for a zone; without a zone it
// never answers. It refuses names in refused.example.
func dnsServer(t *testing.T, known zone) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var question dnsmessage.Message
			if known == nil || err != nil || question.Unpack(buf[:n]) != nil {
				continue
			}
			if answer, err := known.answer(question); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// answer follows CNAMEs, as name servers do.
func (z zone) answer(asked dnsmessage.Message) ([]byte, error) {
	q := asked.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: asked.ID, Response: true, RecursionAvailable: true}, Questions: asked.Questions}
	name, typ := strings.ToLower(q.Name.String()), strings.TrimPrefix(q.Type.String(), "Type")
	if q.Type == typeCAA {
		typ = "CAA"
	}
	exists := slices.ContainsFunc([]string{"A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV", "PTR", "CAA"}, func(typ string) bool { return z[typ+" "+name] != nil })
	if alias := z["CNAME "+name]; alias != nil && typ != "CNAME" {
		answer.Answers = append(answer.Answers, record(q.Name, alias[0]))
		name = alias[0].(*dnsmessage.CNAMEResource).CNAME.String()
	}
	for _, body := range z[typ+" "+name] {
		answer.Answers = append(answer.Answers, record(dnsmessage.MustNewName(name), body))
	}
	switch {
	case strings.HasSuffix(name, "refused.example."):
		answer.RCode = dnsmessage.RCodeRefused
	case !exists:
		answer.RCode = dnsmessage.RCodeNameError
	}
	return answer.Pack()
}

func record(name dnsmessage.Name, body dnsmessage.ResourceBody) dnsmessage.Resource {
	types := map[string]dnsmessage.Type{}
	switch body.(type) {
	case *dnsmessage.AResource:
		types["is"] = dnsmessage.TypeA
	case *dnsmessage.AAAAResource:
		types["is"] = dnsmessage.TypeAAAA
	case *dnsmessage.CNAMEResource:
		types["is"] = dnsmessage.TypeCNAME
	case *dnsmessage.MXResource:
		types["is"] = dnsmessage.TypeMX
	case *dnsmessage.TXTResource:
		types["is"] = dnsmessage.TypeTXT
	case *dnsmessage.NSResource:
		types["is"] = dnsmessage.TypeNS
	case *dnsmessage.SRVResource:
		types["is"] = dnsmessage.TypeSRV
	case *dnsmessage.PTRResource:
		types["is"] = dnsmessage.TypePTR
	case *dnsmessage.UnknownResource:
		types["is"] = typeCAA
	}
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Type: types["is"], Class: dnsmessage.ClassINET, TTL: 60}, Body: body}
}

func TestDNS(t *testing.T) {
	name := dnsmessage.MustNewName
	many := []dnsmessage.ResourceBody{}
	for i := range 30 {
		many = append(many, &dnsmessage.AResource{A: [4]byte{10, 0, 0, byte(i)}})
	}
	server := "dns://" + dnsServer(t, zone{
		"A db.example.":      {&dnsmessage.AResource{A: [4]byte{10, 0, 0, 7}}, &dnsmessage.AResource{A: [4]byte{10, 0, 0, 5}}},
		"AAAA db.example.":   {&dnsmessage.AAAAResource{AAAA: [16]byte{0: 0x20, 1: 0x01, 15: 9}}},
		"CNAME www.example.": {&dnsmessage.CNAMEResource{CNAME: name("db.example.")}},
		"MX example.":        {&dnsmessage.MXResource{Pref: 10, MX: name("mail.example.")}},
		"NS example.":        {&dnsmessage.NSResource{NS: name("ns1.example.")}},
		"TXT example.":       {&dnsmessage.TXTResource{TXT: []string{"v=spf1 ", "-all"}}},
		"A many.example.":    many,

		"SRV _http._tcp.example.":    {&dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 8080, Target: name("web.example.")}},
		"PTR 7.0.0.10.in-addr.arpa.": {&dnsmessage.PTRResource{PTR: name("db.example.")}},
		"CAA example.": {&dnsmessage.UnknownResource{Type: typeCAA, Data: []byte("\x00\x05issueca.example")},
			&dnsmessage.UnknownResource{Type: typeCAA, Data: []byte("\x00\xffbroken")}},
		"A xn--mnchen-3ya.example.": {&dnsmessage.AResource{A: [4]byte{10, 0, 0, 8}}},
	}) + "/"
	for _, c := range []struct {
		question string
		expect   []string
		records  []string
	}{
		{"db.example", nil, []string{"10.0.0.5", "10.0.0.7"}},
		{"db.example?type=A;class=IN", []string{"10.0.0.7"}, []string{"10.0.0.5", "10.0.0.7"}},
		{"DB.example.?TYPE=aaaa", []string{"2001:0::9"}, []string{"2001::9"}},
		{"www.example", []string{"10.0.0.5", "10.0.0.7"}, []string{"10.0.0.5", "10.0.0.7"}},
		{"www.example?type=CNAME", []string{"DB.example"}, []string{"db.example."}},
		{"example?type=MX", []string{"mail.example"}, []string{"mail.example."}},
		{"example?type=NS&class=in", nil, []string{"ns1.example."}},
		{"_http._tcp.example?type=SRV", []string{"web.example:8080"}, []string{"web.example:8080"}},
		{"10.0.0.7?type=PTR", []string{"db.example"}, []string{"db.example."}},
		{"7.0.0.10.in-addr.arpa.?type=PTR", nil, []string{"db.example."}},
		{"example?type=caa", []string{"issue ca.example"}, []string{"a record that is not understood", "issue ca.example"}},
		{"m%C3%BCnchen.example", nil, []string{"10.0.0.8"}},
		{"M\u00dcnchen.example.", nil, []string{"10.0.0.8"}},
		{"example?type=TXT", []string{"v=spf1 -all"}, []string{"v=spf1 -all"}},
	} {
		details := wantHealthy(t, openProbe(t, Spec{Type: "dns", URL: server + c.question, Expect: c.expect}))
		if records := details["records"].([]string); !slices.Equal(records, c.records) {
			t.Errorf("%s: %q, not %q", c.question, records, c.records)
		}
	}
	details := wantHealthy(t, openProbe(t, Spec{Type: "dns", URL: server + "many.example", Expect: []string{"10.0.0.29"}}))
	if n := len(details["records"].([]string)); n != maxRecords {
		t.Errorf("%d records are shown", n)
	}
	for _, c := range []struct {
		question string
		expect   []string
		problem  string
	}{
		{"db.example", []string{"10.0.0.5", "10.0.0.6"}, "the answer has no 10.0.0.6"},
		{"other.example", nil, "other.example. has no A record"},
		{"db.example?type=MX", nil, "db.example. has no MX record"},
		{"db.example?type=CNAME", nil, "db.example. has no CNAME record"},
		{"other.example?type=CNAME", nil, "other.example. has no CNAME record"},
		{"other.example?type=SRV", nil, "other.example. has no SRV record"},
		{"10.9.9.9?type=PTR", nil, "10.9.9.9 has no PTR record"},
		{"other.example?type=CAA", nil, "other.example. has no CAA record"},
		{"db.example?type=CAA", nil, "db.example. has no CAA record"},
		{"a.refused.example?type=CAA", nil, "the name server cannot answer: RCodeRefused"},
		{"a.refused.example?type=TXT", nil, "the name server cannot answer: server misbehaving"},
	} {
		wantProblem(t, openProbe(t, Spec{Type: "dns", URL: server + c.question, Expect: c.expect}), enough, health.Down, c.problem)
	}
	closed := "dns://" + closedUDP(t) + "/a"
	wantProblem(t, openProbe(t, Spec{Type: "dns", URL: closed}), enough, health.Down, "connection refused by the name server")
	for _, typ := range []string{"A", "CNAME", "MX", "CAA"} { // each has its own way to wait
		p := openProbe(t, Spec{Type: "dns", URL: "dns://" + dnsServer(t, nil) + "/a?type=" + typ})
		wantProblem(t, p, short, health.Down, "no answer within 150 ms")
	}
}

// A datagram that is lost is sent again, well before the resolver would.
func TestLostDatagram(t *testing.T) {
	known := zone{
		"A db.example.":   {&dnsmessage.AResource{A: [4]byte{10, 0, 0, 7}}},
		"CAA db.example.": {&dnsmessage.UnknownResource{Type: typeCAA, Data: []byte("\x00\x05issuea")}},
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxDatagram)
		for lost := make(map[string]bool); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if first := !lost[string(buf[:n])]; first {
				lost[string(buf[:n])] = true
				continue
			}
			var question dnsmessage.Message
			if err := question.Unpack(buf[:n]); err != nil {
				t.Error(err)
			}
			if answer, err := known.answer(question); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	for _, typ := range []string{"A", "CAA"} {
		p := openProbe(t, Spec{Type: "dns", URL: "dns://" + conn.LocalAddr().String() + "/db.example?type=" + typ})
		if _, err := runProbe(t, p, 4*time.Second); err != nil { // the resolver's own second attempt comes after 5 s
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// Without a resolver it is the system's, which knows this name without asking.
func TestDNSOfTheSystem(t *testing.T) {
	wantHealthy(t, openProbe(t, Spec{Type: "dns", URL: "dns:localhost", Expect: []string{"127.0.0.1"}}))
}

func closedUDP(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}
