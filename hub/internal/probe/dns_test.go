package probe

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

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
	exists := slices.ContainsFunc([]string{"A", "AAAA", "CNAME", "MX", "TXT", "NS"}, func(typ string) bool { return z[typ+" "+name] != nil })
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
		{"a.refused.example?type=TXT", nil, "the name server cannot answer: server misbehaving"},
	} {
		wantProblem(t, openProbe(t, Spec{Type: "dns", URL: server + c.question, Expect: c.expect}), enough, health.Down, c.problem)
	}
	closed := "dns://" + closedUDP(t) + "/a"
	wantProblem(t, openProbe(t, Spec{Type: "dns", URL: closed}), enough, health.Down, "connection refused by the name server")
	for _, typ := range []string{"A", "CNAME", "MX"} { // each has its own way to wait
		p := openProbe(t, Spec{Type: "dns", URL: "dns://" + dnsServer(t, nil) + "/a?type=" + typ})
		wantProblem(t, p, short, health.Down, "no answer within 150 ms")
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
