package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/internal/wire"
)

// BatchesPath is where a hub takes encoded batches.
const BatchesPath = "/api/v1/batches"

// Receipt is a hub's answer to a batch.
type Receipt struct {
	Accepted  int64 // rows that are durable now
	Dropped   int64 // the others: older than what the hub keeps, or in the future
	Duplicate bool  // the accepted rows were durable before
}

// Send delivers an encoded wire.Batch with the given number of rows. While the hub does
// not answer or cannot take the batch, it repeats the request as long as the policy
// allows.
func (c *Client) Send(ctx context.Context, policy retry.Policy, body []byte, rows int64) (r Receipt, err error) {
	err = policy.Do(ctx, func() (again bool, pause time.Duration, err error) {
		answer, _, err := c.do(ctx, http.MethodPost, c.base.JoinPath(BatchesPath), wire.ContentType, body)
		var refused *RefusalError
		switch {
		case errors.As(err, &refused):
			return refused.temporary(), refused.RetryAfter, err
		case err != nil:
			return true, 0, err
		}
		var ok bool
		if r, ok = readReceipt(answer, rows); !ok {
			err = fmt.Errorf("the server at %s is not a Kymo hub", c)
		}
		return false, 0, err
	})
	return r, err
}

// readReceipt decodes an answer. One that does not account for every row, such as
// a proxy's {}, is not a receipt.
func readReceipt(answer []byte, rows int64) (Receipt, bool) {
	var got struct {
		Accepted  *int64 `json:"accepted"`
		Dropped   int64  `json:"dropped"`
		Duplicate *bool  `json:"duplicate"`
	}
	if json.Unmarshal(answer, &got) != nil || got.Accepted == nil || got.Duplicate == nil ||
		*got.Accepted+got.Dropped != rows {
		return Receipt{}, false
	}
	return Receipt{*got.Accepted, got.Dropped, *got.Duplicate}, true
}
