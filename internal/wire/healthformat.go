package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/kymohq/kymo/health"
)

// The flags of a health result.
const (
	statusMask   = 3
	flagFlapping = 1 << 2
	flagCritical = 1 << 3
	allFlags     = statusMask | flagFlapping | flagCritical
)

// minHealthBytes is the minimum size of an encoded health result.
const minHealthBytes = 9

func (b *Batch) appendHealth(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.Health)))
	var latency []byte
	for i := range b.Health {
		h := &b.Health[i]
		for _, s := range [...]string{h.Service, h.Check, h.Reason, h.Details} {
			dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
		}
		flags := byte(h.Status)
		if h.Flapping {
			flags |= flagFlapping
		}
		if h.Critical {
			flags |= flagCritical
		}
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, uint64(h.From))
		dst = binary.AppendUvarint(dst, uint64(h.To-h.From))
		dst = binary.AppendUvarint(dst, h.Failures)
		latency = latency[:0]
		if h.Latency.Count() > 0 {
			latency = h.Latency.AppendBinary(latency)
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(latency))), latency...)
	}
	return dst
}

// maxLatency bounds the histogram's form: 4,096 buckets of at most 11 bytes,
// and its head.
const maxLatency = 48 << 10

func (r *reader) health(b *Batch) {
	b.Kind = Kind(r.byte())
	n := r.count(MaxHealth, minHealthBytes)
	for range n {
		var h HealthResult
		h.Service = r.text(MaxService)
		h.Check = r.text(MaxCheck)
		h.Reason = r.text(MaxReason)
		h.Details = r.text(MaxDetails)
		flags := r.byte()
		if flags&^allFlags != 0 {
			r.fail("unknown flags")
		}
		h.Status = health.Status(flags & statusMask)
		h.Flapping, h.Critical = flags&flagFlapping != 0, flags&flagCritical != 0
		h.From = int64(r.number(MaxStart))
		h.To = h.From + int64(r.number(MaxStart))
		h.Failures = r.number(math.MaxUint64)
		if latency := r.bytes(r.count(maxLatency, 1)); len(latency) > 0 {
			if used, err := h.Latency.Decode(latency); err != nil || used != len(latency) {
				r.fail("latency is no histogram")
			}
		}
		if r.err != nil {
			return
		}
		b.Health = append(b.Health, h)
	}
}

// byte reads one byte.
func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.fail("cut short")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

// text reads a text of its own.
func (r *reader) text(longest int) string { return string(r.bytes(r.count(longest, 1))) }

// checkHealth returns the error of the first invalid health result.
func (b *Batch) checkHealth() *FieldError {
	for i := range b.Health {
		if field, problem := b.Health[i].check(b.Kind); problem != "" {
			return &FieldError{Index: -1, Field: fmt.Sprintf("health[%d].%s", i, field), Problem: problem}
		}
	}
	return nil
}

func (h *HealthResult) check(kind Kind) (field, problem string) {
	switch {
	case !fit(h.Service, MaxService):
		return "service", optionalText(MaxService)
	case !fit(h.Check, MaxCheck):
		return "check", optionalText(MaxCheck)
	case h.Service == "" && h.Check == "":
		return "check", "is missing, and so is the service"
	case len(h.Name()) > MaxCheck:
		return "check", fmt.Sprintf("makes a name of %d bytes with its service; at most %d", len(h.Name()), MaxCheck)
	case h.Status > health.Down || h.Status == health.Unknown && kind == Kept:
		return "status", "must be healthy, degraded or down"
	case h.From < 0 || h.From > MaxStart:
		return "from", StartProblem
	case h.To > MaxStart:
		return "to", StartProblem
	case h.To < h.From:
		return "to", "must not lie before from"
	case kind == Kept && h.To-h.From > MaxSpan:
		return "to", "must lie within an hour of from"
	case h.Failures > h.Latency.Count():
		return "failures", "are more than there were runs"
	case !fit(h.Reason, MaxReason):
		return "reason", optionalText(MaxReason)
	case len(h.Details) > MaxDetails || h.Details != "" && (h.Details[0] != '{' || !json.Valid([]byte(h.Details))):
		return "details", fmt.Sprintf("must be a JSON object of at most %d bytes", MaxDetails)
	}
	return "", ""
}
