// Command seedtest fills a hub with a week of made-up requests and health results,
// the same ones each time but for the hour, so that people and browsers have
// something to look at. With -live it keeps sending, as running services do.
//
//	go run ./seedtest -hub http://127.0.0.1:5966 -rate 5 -live
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

type seeder struct {
	hub      string
	random   *rand.Rand
	endpoint []endpoint
	weights  []float64 // running sums, to draw an endpoint by its share
	builder  *wire.Builder
	sequence uint64
	now      time.Time
}

func main() {
	hub := flag.String("hub", "http://127.0.0.1:5966", "the hub's URL")
	rate := flag.Float64("rate", 3, "requests a second, on average")
	age := flag.Duration("age", 167*time.Hour, "how far back to begin")
	many := flag.Int("many", 900, "endpoints of the two services that have many")
	live := flag.Bool("live", false, "go on until the process is ended")
	flag.Parse()

	s := &seeder{
		hub: *hub, random: rand.New(rand.NewPCG(5966, 1)), builder: wire.NewBuilder(),
		now: time.Now(), endpoint: endpoints(*many),
	}
	sum := 0.0
	for i := range s.endpoint {
		sum += s.endpoint[i].share
		s.weights = append(s.weights, sum)
	}
	begin := s.now.Add(-*age)
	s.health(begin)
	s.present()
	sent := s.between(begin, s.now, *rate)
	for i := range s.endpoint { // none is without
		s.builder.Add(s.requestOf(&s.endpoint[i], s.now.Add(-time.Duration(i)*time.Second)))
	}
	s.hostile()
	s.varied()
	s.raw()
	s.builder.AddDrop(wire.Drop{Service: "shop", At: s.now.Add(-40 * time.Minute).UnixMilli(), Count: 37})
	s.flush()
	fmt.Printf("seeded %d requests\n", sent)
	if !*live {
		return
	}
	from := s.now
	for range time.Tick(time.Second) {
		to := time.Now()
		s.between(from, to, *rate)
		s.flush()
		if to.Unix()%5 == 0 {
			s.present()
		}
		from = to
	}
}

// between adds the requests of a stretch of time, as a day's course has them.
func (s *seeder) between(from, to time.Time, rate float64) (n int) {
	for at := from; ; n++ {
		hour := float64(at.Unix()%86400) / 3600
		wait := s.random.ExpFloat64() / (rate * course(hour))
		at = at.Add(time.Duration(wait * float64(time.Second)))
		if !at.Before(to) {
			return n
		}
		s.builder.Add(s.request(at))
		if s.builder.Len() == wire.MaxRequests/2 {
			s.flush()
		}
	}
}

func (s *seeder) flush() {
	s.sequence++
	s.send(s.builder.Batch(fmt.Sprintf("seed-%d", s.now.UnixNano()), s.sequence))
	s.builder.Reset()
}

func (s *seeder) send(b *wire.Batch) {
	s.post("/api/v1/batches", wire.ContentType, b.AppendBinary(nil))
}

func (s *seeder) post(path, contentType string, body []byte) {
	response, err := http.Post(s.hub+path, contentType, bytes.NewReader(body))
	if err != nil {
		log.Print(err) // The hub may be away for a while: that is what it is tried with.
		return
	}
	answer, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		log.Fatalf("%s: %s", response.Status, answer)
	}
}
