package main

import (
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// varied adds a service with variable parts in its endpoints, so that there are more
// endpoints than the hub's cap.
func (s *seeder) varied() {
	for i := range 1100 {
		s.builder.Add(&wire.Request{
			Key:   wire.Key{Service: "intranet", Endpoint: fmt.Sprintf("/wiki/%s", words[i%len(words)]+"-"+words[i/len(words)%len(words)]+words[i/900]), Method: "GET", Status: 200},
			Start: s.now.Add(-time.Duration(i) * time.Second).UnixMilli(), Duration: time.Duration(20+i%50) * ms,
		})
	}
}

var words = []string{
	"alder", "beech", "birch", "cedar", "cherry", "elder", "elm", "fir", "hazel", "holly", "ivy", "juniper", "larch", "lime", "maple",
	"oak", "olive", "pear", "pine", "plum", "poplar", "rowan", "rush", "sedge", "spruce", "thorn", "vine", "walnut", "willow", "yew",
}

// raw adds requests with paths as an access log has them, which the hub makes
// templates of.
func (s *seeder) raw() {
	type metric struct {
		Service        string  `json:"service"`
		Endpoint       string  `json:"endpoint"`
		Method         string  `json:"method"`
		ResponseTimeMS float64 `json:"response_time_ms"`
		StatusCode     int     `json:"status_code"`
		Timestamp      string  `json:"timestamp"`
	}
	var all []metric
	for i := range 400 {
		paths := []string{
			fmt.Sprintf("/customers/%d/orders/%d", 1000+i%150, 70000+i), fmt.Sprintf("/files/%08x-1d2c-4f3a-9b8e-%012x", i*7919, i),
			fmt.Sprintf("/calendar/2026-11-%02d", 1+i%28), fmt.Sprintf("/u/%s.%s@example.com", words[i%30], words[i/30%30]), "/status",
		}
		all = append(all, metric{"edge-logs", paths[i%len(paths)], "GET", float64(3 + i%90), 200, s.now.Add(-time.Duration(i) * 4 * time.Second).UTC().Format(time.RFC3339Nano)})
	}
	body, err := json.Marshal(all)
	if err != nil {
		log.Fatal(err)
	}
	s.post("/api/v1/requests", "application/json", body)
}
