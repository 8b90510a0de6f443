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

// Session is what a page must know before it asks for anything else.
type Session struct {
	Required bool   `json:"required" doc:"Whether this hub asks for a token on the routes that give data." example:"true"`
	SignedIn bool   `json:"signed_in" doc:"Whether this caller may use them, by cookie or by header, or because no token is asked for." example:"true"`
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

// sessionKey is what cookies are signed with. It follows from the read token
// alone, so a cookie holds on every hub that has the token and over restarts, and
// ends when the token changes.
func sessionKey(token string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("kymo session 1"))
	return mac.Sum(nil)
}

// cookieValue is the instant at which a session ends, and the proof that the hub
// said so.
func (a *API) cookieValue(ends time.Time) string {
	unix := strconv.FormatInt(ends.Unix(), 10)
	mac := hmac.New(sha256.New, a.live.Load().sessionKey)
	mac.Write([]byte(unix))
	return unix + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// hasSession says whether a request comes with a cookie that holds. It does for
// reading alone, whatever the route: what a page can make its visitor's browser
// send must change nothing.
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
	return subtle.ConstantTimeCompare([]byte(c.Value), []byte(a.cookieValue(ends))) == 1 && a.Now().Before(ends)
}

// mayRead says whether a caller may see what needs the read token.
func (a *API) mayRead(r *http.Request) bool {
	want, asked := a.live.Load().tokens[forRead]
	return !asked || presents(r.Header.Get("Authorization"), want) || a.hasSession(r)
}

func (a *API) routeSession() {
	a.handle(huma.Operation{
		OperationID: "session", Method: http.MethodGet, Path: "/api/v1/session", Tags: []string{tagHub},
		Summary:     "Whether a token is needed, and whether this caller has it",
		Description: "What a page asks first. It needs no token.",
		Responses: map[string]*huma.Response{"200": {Description: "How the caller stands.", Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.schema(reflect.TypeFor[Session]()), Example: Session{true, true, "1.0.0"}},
		}}},
	}, func(w http.ResponseWriter, r *http.Request) {
		_, required := a.live.Load().tokens[forRead]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(Session{required, a.mayRead(r), a.Version}) // A page that left asks again.
	})
	a.handle(huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/api/v1/session", Tags: []string{tagHub},
		Summary:     "Exchange the read token for a cookie",
		Description: "For browsers: the cookie kymo_session stands for the read token for 7 days, for GET alone, and scripts cannot read it. It holds on every hub with the same token, and ends when that changes. Ten wrong tokens from one address are answered with 401 in a minute, more with 429. Without a read token there is nothing to sign in to, and no cookie.",
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
	want, asked := a.live.Load().tokens[forRead]
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
		if wait := a.guesses.wait(from, a.Now()); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
			writeProblem(w, http.StatusTooManyRequests, "too many wrong tokens came from this address; try again in a minute")
			return
		}
		a.guesses.wrong(from, a.Now())
		writeProblem(w, http.StatusUnauthorized, "this is not the read token of this hub",
			&huma.ErrorDetail{Location: "body.token", Message: "is not the read token"})
		return
	}
	setCookie(w, r, a.cookieValue(a.Now().Add(sessionAge)), int(sessionAge/time.Second))
	w.WriteHeader(http.StatusNoContent)
}

// setCookie sets the session's cookie, to be sent by TLS alone if this request was.
func setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	})
}
