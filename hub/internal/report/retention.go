package report

import "time"

// Retention describes which requests a hub keeps: from which instant on, and why from
// that one.
type Retention struct {
	Floor    *time.Time `json:"floor" doc:"Everything that started before this instant was deleted, and what comes from before it is refused as too old; null if nothing was deleted yet." example:"2026-11-16T10:00:00Z"`
	Reason   string     `json:"reason" enum:"none,age,later,future" doc:"Why the floor is where it is: nothing was deleted (none); it follows the maximum age (age); it is later than the age asks for, because of the maximum size, a shorter age before, or a clock that was wrong (later); it is in the future by the machine's clock: that is wrong, or one that was wrong moved it, so that requests of now are refused (future)." example:"age"`
	From     time.Time  `json:"from" doc:"Requests that start from this instant on are taken." example:"2026-11-16T10:00:00Z"`
	To       time.Time  `json:"to" doc:"Requests that start before this instant are taken." example:"2026-11-24T10:00:00Z"`
	AgeHours float64    `json:"age_hours" doc:"The maximum age of requests: retention.age." example:"168"`
	Size     int64      `json:"size" doc:"The maximum size of the store in bytes: retention.size; 0 if there is none." example:"0"`
	Clock    Clock      `json:"clock"`
}

// Clock is the machine's clock, and how far the hub trusts it.
type Clock struct {
	Time    time.Time `json:"time" doc:"The time by the machine's clock." example:"2026-11-23T10:00:00Z"`
	Doubt   string    `json:"doubt" doc:"Why the clock is not trusted; empty if it is." example:""`
	Deletes time.Time `json:"deletes" doc:"The time by which data is deleted: earlier than the clock's if that is in doubt." example:"2026-11-23T10:00:00Z"`
}

// Reasons why a floor is where it is.
const (
	FloorNone   = "none"
	FloorAge    = "age"
	FloorLater  = "later"
	FloorFuture = "future"
)

// SetFloor sets the floor (Unix ms; 0 if nothing was deleted) and why it is there. The clock
// and the age must be set.
func (r *Retention) SetFloor(floor int64) {
	at := time.UnixMilli(floor).UTC()
	r.Floor = &at
	switch {
	case floor == 0:
		r.Floor, r.Reason = nil, FloorNone
	case at.After(r.Clock.Time):
		r.Reason = FloorFuture
	case at.After(r.Clock.Deletes.Add(-time.Duration(r.AgeHours * float64(time.Hour)))):
		r.Reason = FloorLater
	default:
		r.Reason = FloorAge
	}
}
