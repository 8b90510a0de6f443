package api

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Session is what a page needs before its first request for data.
type Session struct {
	Required      bool   `json:"required" doc:"Whether this hub needs a token on the routes that return data." example:"true"`
	SignedIn      bool   `json:"signed_in" doc:"Whether this caller may use them: by cookie, by header, or because no token is needed." example:"true"`
	MayAdminister bool   `json:"may_administer" doc:"Whether this caller may add, remove and run checks: with the admin token, by a cookie for it or, on a hub without tokens, from the hub's own machine." example:"false"`
	Version       string `json:"version" doc:"The version of the hub." example:"1.0.0"`
}

// SignIn is what starts a session.
type SignIn struct {
	Token string `json:"token" minLength:"1" maxLength:"1000" doc:"The read token or the admin token." example:"a-long-random-token"`
}

const maxSignIn = 4 << 10 // bytes of a body

// mayRead reports whether a caller has the read token, the admin token or a session, if one
// is needed.
func (a *API) mayRead(r *http.Request) bool {
	tokens := liveOf(r.Context()).tokens
	want, asked := tokens[forRead]
	if !asked || presents(r.Header.Get("Authorization"), want) || a.hasSession(r) {
		return true
	}
	want, asked = tokens[forAdmin]
	return asked && presents(r.Header.Get("Authorization"), want)
}

// seesDetails is like mayRead, for an answer of which every caller gets a part. A
// wrong token is counted, but the request of a load balancer that sends one is
// still answered.
func (a *API) seesDetails(r *http.Request) bool {
	if _, asked := liveOf(r.Context()).tokens[forRead]; asked && guessed(r) {
		a.guess(r)
	}
	return a.mayRead(r)
}

func (a *API) routeSession() {
	a.handle(huma.Operation{
		OperationID: "session", Method: http.MethodGet, Path: "/api/v1/session", Tags: []string{tagHub},
		Summary:     "Whether a token is needed, and whether this caller has it",
		Description: "The first request of a page. It needs no token.",
		Responses: map[string]*huma.Response{"200": {Description: "Whether a token is needed, and whether the caller is signed in.", Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.schema(reflect.TypeFor[Session]()), Example: Session{true, true, false, "1.0.0"}},
		}}},
		Errors: []int{http.StatusTooManyRequests},
	}, func(w http.ResponseWriter, r *http.Request) {
		_, required := liveOf(r.Context()).tokens[forRead]
		if required && guessed(r) && !a.mayGuess(w, r) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(Session{required, a.mayRead(r), a.mayAdminister(r), a.Version}) // The page may have been closed.
	})
	a.handle(huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/api/v1/session", Tags: []string{tagHub},
		Summary:     "Exchange the read token or the admin token for a cookie",
		Description: "For browsers: a cookie, kymo_session with the port of the hub's address, replaces the token for 7 days. It is valid for GET and, if it was given for the admin token, on the routes that need that; on every hub with the same token until that changes, and scripts cannot read it. Ten wrong tokens a minute from one address, on all routes together, are answered with 401, further ones with 429. A hub without a read token sets no cookie for anything but the admin token.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.schema(reflect.TypeFor[SignIn]()), Example: SignIn{"a-long-random-token"}},
		}},
		Responses: map[string]*huma.Response{"204": {
			Description: "The caller is signed in.",
			Headers:     map[string]*huma.Header{"Set-Cookie": {Description: "The cookie.", Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
		Errors: []int{http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusTooManyRequests},
	}, a.signIn)
	a.handle(huma.Operation{
		OperationID: "sign-out", Method: http.MethodDelete, Path: "/api/v1/session", Tags: []string{tagHub},
		Summary:     "End the session",
		Description: "The session ends: the browser forgets its cookie, and this hub refuses copies of it, even after a restart if its store is a directory. It needs no token.",
		Responses:   map[string]*huma.Response{"204": {Description: "The caller is not signed in."}},
	}, func(w http.ResponseWriter, r *http.Request) {
		a.endSessions(r)
		setCookie(w, r, "", -1)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (a *API) signIn(w http.ResponseWriter, r *http.Request) {
	var in SignIn
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSignIn))
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil || in.Token == "" {
		writeProblem(w, http.StatusUnprocessableEntity, "the body must be an object with the token",
			&huma.ErrorDetail{Location: "body.token", Message: `is missing; the body is {"token":"…"}, of at most 4 KiB`})
		return
	}
	current := liveOf(r.Context())
	if want, asked := current.tokens[forAdmin]; asked && isToken(in.Token, want) {
		a.startSession(w, r, current.adminKey)
		return
	}
	want, asked := current.tokens[forRead]
	if !asked {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !isToken(in.Token, want) {
		if !a.mayGuess(w, r) {
			return
		}
		writeProblem(w, http.StatusUnauthorized, "this is not the read token of this hub",
			&huma.ErrorDetail{Location: "body.token", Message: "is not the read token"})
		return
	}
	a.startSession(w, r, current.sessionKey)
}

// startSession answers with the cookie of a new session, signed with the key.
func (a *API) startSession(w http.ResponseWriter, r *http.Request, key []byte) {
	setCookie(w, r, cookieValue(key, a.Now().Add(sessionAge), rand.Text()), int(sessionAge/time.Second))
	w.WriteHeader(http.StatusNoContent)
}
