package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"

	"golang.org/x/net/dns/dnsmessage"
)

// typeCAA is the type of a record that names the authorities which may issue certificates
// (RFC 8659). Neither net.Resolver nor dnsmessage knows it.
const typeCAA dnsmessage.Type = 257

// maxDatagram is the longest answer over UDP without extensions (RFC 1035, 2.3.4).
const maxDatagram = 512

// askCAA returns the records as tag and value: issue ca.example.
func (d *dnsProbe) askCAA(ctx context.Context) (records []string, err error) {
	name, err := dnsmessage.NewName(d.name)
	if err != nil {
		return nil, fault("the name is too long")
	}
	question := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: typeCAA, Class: dnsmessage.ClassINET}},
	}
	packed, err := question.Pack()
	if err != nil {
		return nil, err
	}
	conn, err := dnsDial(ctx, "udp", d.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := conn.Write(packed); err != nil {
		return nil, err
	}
	answer, err := awaitAnswer(conn, question.ID)
	if err != nil {
		return nil, &net.DNSError{Err: err.Error(), Name: d.name, Server: d.addr, UnwrapErr: err}
	}
	switch answer.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		return nil, d.missing()
	default:
		return nil, fault(fmt.Sprintf("the name server cannot answer: %s", answer.RCode))
	}
	for _, r := range answer.Answers {
		if unknown, ok := r.Body.(*dnsmessage.UnknownResource); ok && unknown.Type == typeCAA {
			records = append(records, caaText(unknown.Data))
		}
	}
	return records, nil
}

// awaitAnswer reads until the answer to a question has come.
func awaitAnswer(conn net.Conn, id uint16) (answer dnsmessage.Message, err error) {
	buf := make([]byte, maxDatagram)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return answer, err
		}
		if answer.Unpack(buf[:n]) == nil && answer.ID == id && answer.Response {
			return answer, nil
		}
	}
}

// caaText writes a record's data: flags, the length of the tag, the tag, the value (RFC
// 8659, 4.1).
func caaText(data []byte) string {
	if len(data) < 2 || int(data[1]) > len(data)-2 {
		return "a record that is not understood"
	}
	tag, value := data[2:2+data[1]], data[2+data[1]:]
	return secrets(nil).show(fmt.Sprintf("%s %s", tag, value))
}
