package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	sessionCookie = "kymo_session"
	sessionAge    = 7 * 24 * time.Hour
)

// cookieName returns the name of the session's cookie. It contains the port in the
// Host header, since browsers send cookies to all ports of a host, so that two hubs
// on one host have separate sessions. A default port is neither in the header nor in
// the name.
func cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if _, notNumber := strconv.ParseUint(port, 10, 16); err != nil || notNumber != nil {
		return sessionCookie
	}
	return sessionCookie + "_" + port
}

// sessionKey returns the key that cookies are signed with. It is derived from the read
// token alone, so a cookie is valid on every hub with the same token and after
// restarts, until the token changes.
func sessionKey(token string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("kymo session 2"))
	return mac.Sum(nil)
}

// cookieValue returns the instant at which a session ends and its id, signed.
func (l *live) cookieValue(ends time.Time, id string) string {
	text := strconv.FormatInt(ends.Unix(), 10) + "." + id
	mac := hmac.New(sha256.New, l.sessionKey)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// session returns the session of a cookie's value, if it is valid.
func (a *API) session(l *live, value string) (id string, ends time.Time, ok bool) {
	unix, rest, _ := strings.Cut(value, ".")
	id, _, _ = strings.Cut(rest, ".")
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return "", time.Time{}, false
	}
	ends = time.Unix(seconds, 0)
	signed := subtle.ConstantTimeCompare([]byte(value), []byte(l.cookieValue(ends, id))) == 1
	return id, ends, signed && a.Now().Before(ends) && !a.ended.has(id)
}

// hasSession reports whether a request has a valid cookie. On every route a cookie is
// valid only for reading, so that no page can make a visitor's browser change
// anything.
func (a *API) hasSession(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for _, c := range r.CookiesNamed(cookieName(r)) {
		if _, _, ok := a.session(liveOf(r.Context()), c.Value); ok {
			return true
		}
	}
	return false
}

// endSessions ends the sessions whose cookies a request has.
func (a *API) endSessions(r *http.Request) {
	for _, c := range r.CookiesNamed(cookieName(r)) {
		if id, ends, ok := a.session(liveOf(r.Context()), c.Value); ok {
			if err := a.ended.add(id, ends, a.Now()); err != nil {
				a.Logger.Warn("sign out", "error", err)
			}
		}
	}
}

// setCookie sets the session's cookie. Browsers send it only over TLS if this
// request came over TLS.
func setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure, unless the page itself came in the clear
		Name: cookieName(r), Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	})
}
