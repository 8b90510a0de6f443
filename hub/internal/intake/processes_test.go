package intake

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// A name for each request is too many, in JSON as in batches.
func TestProcessesAreBounded(t *testing.T) {
	const n = maxProcesses + 500
	var body strings.Builder
	batch := wire.NewBuilder()
	at := noon.Add(-time.Minute)
	for i := range n {
		fmt.Fprintf(&body, `{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200,"instance":"i%d","timestamp":%d}`+"\n", i, at.UnixMilli())
		batch.Add(&wire.Request{Key: wire.Key{Service: "s", Endpoint: "/a", Method: "GET", Status: 200}, Start: at.UnixMilli(), Process: wire.Process{Instance: fmt.Sprint("i", i)}})
	}
	for name, post := range map[string]func(*Intake) (Receipt, error){
		"json": func(in *Intake) (Receipt, error) {
			return in.Read(t.Context(), Body{Reader: ingest.JSON([]byte(body.String()))})
		},
		"batch": func(in *Intake) (Receipt, error) {
			return in.Batch(t.Context(), batch.Batch("gateway", 1).AppendBinary(nil))
		},
	} {
		st := storetest.NewOracle()
		if r, err := post(newIntake(st, Limits{})); err != nil || r.Accepted != n {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		found := make(map[string]int)
		for r, err := range st.Requests(t.Context(), store.RequestQuery{Window: rollup.Window{To: noon.UnixMilli()}}) {
			if err != nil {
				t.Fatal(err)
			}
			found[r.Instance]++
		}
		if len(found) != maxProcesses+1 || found[wire.Other] != n-maxProcesses {
			t.Errorf("%s: %d processes, %d requests are of others", name, len(found), found[wire.Other])
		}
	}
}
