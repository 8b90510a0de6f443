package drill

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// User is the requests of one user.
type User struct {
	Name     string
	Requests uint64
	Errors   uint64  // status 5xx
	Sum      float64 // of the durations, ns
	Longest  time.Duration
	Last     int64 // when the newest request started, Unix milliseconds
}

// Users are the users of the newest requests.
type Users struct {
	Users     []User // those with the most requests first
	Anonymous uint64 // requests without a user
	Effort
}

// TopUsers counts the newest requests that match by user, and returns at most
// limit users.
func TopUsers(ctx context.Context, st store.Store, f Filter, limit int, b Budget) (*Users, error) {
	u := new(Users)
	byName := make(map[string]*User)
	counted := 0
	for r, err := range All(ctx, st, f, Position{}, b, &u.Effort) {
		if err != nil {
			return nil, err
		}
		// A part may hold any number of requests.
		if b.Rows > 0 && counted == 2*b.Rows {
			u.Complete, u.Reached = false, r.Start+1
			break
		}
		counted++
		if r.User == "" {
			u.Anonymous++
			continue
		}
		user := byName[r.User]
		if user == nil {
			user = &User{Name: r.User, Last: r.Start}
			byName[r.User] = user
		}
		user.Requests++
		user.Sum += float64(r.Duration)
		user.Longest = max(user.Longest, r.Duration)
		if r.Status >= 500 && r.Status <= 599 {
			user.Errors++
		}
	}
	u.Scanned = counted
	for _, user := range byName {
		u.Users = append(u.Users, *user)
	}
	slices.SortFunc(u.Users, func(a, b User) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name, b.Name))
	})
	u.Users = u.Users[:min(limit, len(u.Users))]
	return u, nil
}
