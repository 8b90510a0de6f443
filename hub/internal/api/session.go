package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Session is what a page has to know before its first request for data.
type Session struct {
	Required bool   `json:"required" doc:"Whether this hub needs a token on the routes that return data." example:"true"`
	SignedIn bool   `json:"signed_in" doc:"Whether this caller may use them: by cookie, by header, or because no token is needed." example:"true"`
	Version  string `json:"version" doc:"The version of the hub." example:"1.0.0"`
}

// SignIn is what starts a session.
type SignIn struct {
	Token string `json:"token" minLength:"1" maxLength:"1000" doc:"The read token." example:"a-long-random-token"`
}

const (
	sessionCookie = "kymo_session"
	sessionAge    = 7 * 24 * time.Hour
	maxSignIn     = 4 << 10 // bytes of a body
)

// sessionKey returns the key that cookies are signed with. It is derived from the read
// token alone, so a cookie is valid on every hub with the same token and after
// restarts, until the token changes.
func sessionKey(token string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("kymo session 1"))
	return mac.Sum(nil)
}

// cookieValue returns the instant at which a session ends, signed.
func (l *live) cookieValue(ends time.Time) string {
	unix := strconv.FormatInt(ends.Unix(), 10)
	mac := hmac.New(sha256.New, l.sessionKey)
	mac.Write([]byte(unix))
	return unix + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// hasSession reports whether a request has a valid cookie. A cookie is valid only for
// reading, on every route: what a page can make its visitor's browser send must change
// nothing.
func (a *API) hasSession(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	unix, _, _ := strings.Cut(c.Value, ".")
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return false
	}
	ends := time.Unix(seconds, 0)
	return subtle.ConstantTimeCompare([]byte(c.Value), []byte(liveOf(r.Context()).cookieValue(ends))) == 1 && a.Now().Before(ends)
}

// mayRead reports whether a caller may see what needs the read token.
func (a *API) mayRead(r *http.Request) bool {
	want, asked := liveOf(r.Context()).tokens[forRead]
	return !asked || presents(r.Header.Get("Authorization"), want) || a.hasSession(r)
}

func (a *API) routeSession() {
	a.handle(huma.Operation{
		OperationID: "session", Method: http.MethodGet, Path: "/api/v1/session", Tags: []string{tagHub},
		Summary:     "Whether a token is needed, and whether this caller has it",
		Description: "The first request of a page. It needs no token.",
		Responses: map[string]*huma.Response{"200": {Description: "Whether a token is needed, and whether the caller is signed in.", Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.schema(reflect.TypeFor[Session]()), Example: Session{true, true, "1.0.0"}},
		}}},
	}, func(w http.ResponseWriter, r *http.Request) {
		_, required := liveOf(r.Context()).tokens[forRead]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(Session{required, a.mayRead(r), a.Version}) // The page may have been closed.
	})
	a.handle(huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/api/v1/session", Tags: []string{tagHub},
		Summary:     "Exchange the read token for a cookie",
		Description: "For browsers: the cookie kymo_session replaces the read token for 7 days. It is valid only for GET, on every hub with the same token until that changes, and scripts cannot read it. Of wrong tokens from one address, ten in a minute are answered with 401, more with 429. A hub without a read token sets no cookie.",
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
		Summary:     "Give the cookie back",
		Description: "The browser forgets its cookie. It needs no token.",
		Responses:   map[string]*huma.Response{"204": {Description: "The caller is not signed in."}},
	}, func(w http.ResponseWriter, r *http.Request) {
		setCookie(w, r, "", -1)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (a *API) signIn(w http.ResponseWriter, r *http.Request) {
	var in SignIn
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTime)) // A recorder in tests has none.
	defer func() { _ = deadline.SetReadDeadline(time.Time{}) }()
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
	want, asked := current.tokens[forRead]
	if !asked {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	// The right one is always welcome: behind a proxy all callers have one address.
	got := sha256.Sum256([]byte(in.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		from, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			from = r.RemoteAddr
		}
		if wait := a.attempts.wait(from, a.Now()); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
			writeProblem(w, http.StatusTooManyRequests, "too many wrong tokens came from this address; try again in a minute")
			return
		}
		a.attempts.wrong(from, a.Now())
		writeProblem(w, http.StatusUnauthorized, "this is not the read token of this hub",
			&huma.ErrorDetail{Location: "body.token", Message: "is not the read token"})
		return
	}
	setCookie(w, r, current.cookieValue(a.Now().Add(sessionAge)), int(sessionAge/time.Second))
	w.WriteHeader(http.StatusNoContent)
}

// setCookie sets the session's cookie, to be sent by TLS alone if this request was.
func setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	})
}
