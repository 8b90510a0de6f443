package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/drill"
	"github.com/kymohq/kymo/hub/internal/store"
)

type usersInput struct {
	Range
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"10" doc:"The maximum number of users to return." example:"10"`
	Conditional
}

// Users are the users with the most requests.
type Users struct {
	Users     []User `json:"users" nullable:"false" doc:"Those with the most requests first."`
	Anonymous uint64 `json:"anonymous" doc:"How many of the requests had no user." example:"310"`
	Found
}

// User is the requests of one user.
type User struct {
	UserID   string  `json:"user_id" doc:"The user, as the service names them." example:"user-7"`
	Requests uint64  `json:"requests" doc:"How many requests." example:"120"`
	Errors   uint64  `json:"errors" doc:"How many of them were answered with 5xx or panicked." example:"2"`
	Avg      float64 `json:"avg" doc:"Mean duration, ms." example:"48.2"`
	Max      float64 `json:"max" doc:"Longest duration, ms." example:"901.4"`
	Last     int64   `json:"last" doc:"When the newest of them started, Unix ms." example:"1795435199000"`
}

// usersOf is approximately how many of the newest requests are counted.
const usersOf = 25_000

func (a *API) routeUsers() {
	register(a, huma.Operation{
		OperationID: "users", Method: http.MethodGet, Path: "/api/v1/users", Tags: []string{tagReports},
		Summary:     "Users with the most requests",
		Description: "Users are not part of rollups, so only the newest requests of the window are counted, about 25,000 of them. In the answer, complete is whether those are all, and reached is how far back they go." + cachedFor,
		Responses:   answers[Users](a), Security: needs(forRead),
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
	}, a.users)
}

func (a *API) users(ctx context.Context, in *usersInput) (*payloadOutput, error) {
	w, err := in.span(a.Now(), true)
	if err != nil {
		return nil, err
	}
	key := *in
	key.Conditional = Conditional{}
	p, err := cached(ctx, a, key, ttl(length(w)), func(ctx context.Context) (*payload, error) {
		top, err := drill.TopUsers(ctx, a.Store, drill.Filter{RequestQuery: store.RequestQuery{Window: w, Filter: in.Series.filter()}}, in.Limit, a.budget(usersOf))
		if err != nil {
			return nil, err
		}
		u := Users{Users: make([]User, len(top.Users)), Anonymous: top.Anonymous, Found: found(&top.Effort)}
		for i, one := range top.Users {
			u.Users[i] = User{
				UserID: one.Name, Requests: one.Requests, Errors: one.Errors,
				Avg: one.Sum / float64(one.Requests) / 1e6, Max: inMS(one.Longest), Last: one.Last,
			}
		}
		return encode(u)
	})
	if err != nil {
		return nil, err
	}
	return p.output(in.IfNoneMatch), nil
}
