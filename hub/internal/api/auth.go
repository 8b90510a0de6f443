package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Tokens are what callers must present as "Authorization: Bearer <token>". An empty
// one is not required.
type Tokens struct {
	Ingest string // for the routes that take data
	Read   string // for the routes that return data
	Admin  string // for the routes that change what the hub does; it replaces the read token
}

// Names of the security schemes. Operations need one of the first three; a session
// replaces the token that it was started with, except for the ingest token.
const (
	forIngest  = "ingest"
	forRead    = "read"
	forAdmin   = "admin"
	forSession = "session"
)

// adminNeed describes what a route that needs the admin token requires of its caller.
const adminNeed = "It needs the admin token, or a session that was started with it. A hub without any token takes it from its own machine alone, and one with other tokens only refuses it."

// hashedTokens all have the same length, so that comparing them does not reveal the
// length of a token.
type hashedTokens map[string][sha256.Size]byte

func (t Tokens) hash() hashedTokens {
	h := make(hashedTokens)
	if t.Ingest != "" {
		h[forIngest] = sha256.Sum256([]byte(t.Ingest))
	}
	if t.Read != "" {
		h[forRead] = sha256.Sum256([]byte(t.Read))
	}
	if t.Admin != "" {
		h[forAdmin] = sha256.Sum256([]byte(t.Admin))
	}
	return h
}

// authenticate refuses requests without the token that their route needs. It runs
// before anything else, so that the bodies of such requests are not read.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	scheme := need(ctx.Operation())
	r, w := humago.Unwrap(ctx)
	want, asked := liveOf(r.Context()).tokens[scheme]
	if scheme != "" {
		// A cache on the way must not give one caller's answer to another.
		w.Header().Set("Cache-Control", "private, no-store")
	}
	if scheme == forAdmin && !asked && !a.mayAdminister(r) {
		w.Header().Set("Connection", "close")
		writeProblem(w, http.StatusForbidden, whyNoAdmin(r))
		return
	}
	if !asked || presents(ctx.Header("Authorization"), want) || scheme == forRead && a.mayRead(r) || scheme == forAdmin && a.mayAdminister(r) {
		next(ctx)
		return
	}
	// Otherwise the server would read on for a while in order to reuse the
	// connection.
	w.Header().Set("Connection", "close")
	if guessed(r) && !a.mayGuess(w, r) {
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="kymo"`)
	writeProblem(w, http.StatusUnauthorized, "this route needs the "+scheme+" token, as Authorization: Bearer <token>",
		&huma.ErrorDetail{Location: "header.Authorization", Message: "is missing or not the " + scheme + " token"})
}

// need returns the token that an operation needs, or "".
func need(op *huma.Operation) string {
	for _, scheme := range []string{forIngest, forRead, forAdmin} {
		for _, one := range op.Security {
			if _, ok := one[scheme]; ok {
				return scheme
			}
		}
	}
	return ""
}

// bearer returns the token of an Authorization header, or "".
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func presents(header string, want [sha256.Size]byte) bool { return isToken(bearer(header), want) }

func isToken(token string, want [sha256.Size]byte) bool {
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && token != ""
}

// guessed reports whether a request has a token that is not one of the hub's. A
// token for other routes does not count as a guess.
func guessed(r *http.Request) bool {
	header := r.Header.Get("Authorization")
	for _, want := range liveOf(r.Context()).tokens {
		if presents(header, want) {
			return false
		}
	}
	return bearer(header) != ""
}
