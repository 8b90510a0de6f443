package wire_test

import (
	"fmt"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// A shipper builds a batch and encodes it; a hub decodes it and reads it back.
func Example() {
	builder := wire.NewBuilder()
	builder.Add(&wire.Request{
		Key:      wire.Key{Service: "orders", Endpoint: "/orders/{id}", Method: "GET", Status: 200},
		User:     "ann",
		Start:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli(),
		Duration: 12 * time.Millisecond,
	})
	data := builder.Batch("orders-7f3a", 1).AppendBinary(nil)

	var batch wire.Batch
	if err := wire.Decode(data, &batch); err != nil {
		fmt.Println(err)
		return
	}
	for i := range batch.Len() {
		r := batch.Request(i)
		fmt.Println(batch.Instance, r.Method, r.Endpoint, r.Status, r.User, r.Duration)
	}
	// Output:
	// orders-7f3a GET /orders/{id} 200 ann 12ms
}

func ExampleBatch_Validate() {
	builder := wire.NewBuilder()
	builder.Add(&wire.Request{
		Key: wire.Key{Service: "orders", Endpoint: "/orders/{id}", Method: "GET", Status: 20},
	})
	fmt.Println(builder.Batch("orders-7f3a", 1).Validate())
	// Output:
	// element 0: status_code: is 20; must be from 100 to 999
}
