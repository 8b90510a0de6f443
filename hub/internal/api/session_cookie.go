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

// sessionKey returns the key that cookies for a token are signed with. It is derived from
// that token alone, so a cookie is valid on every hub with the same token and after
// restarts, until the token changes.
func sessionKey(purpose, token string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// The purposes of sessions' keys.
const (
	readSessions  = "kymo session 2"
	adminSessions = "kymo admin session"
)

// cookieValue returns the instant at which a session ends and its id, signed with a key.
func cookieValue(key []byte, ends time.Time, id string) string {
	text := strconv.FormatInt(ends.Unix(), 10) + "." + id
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// session returns the session of a cookie's value, if it is valid, and whether it is one of
// the admin token.
func (a *API) session(l *live, value string) (id string, ends time.Time, admin, ok bool) {
	unix, rest, _ := strings.Cut(value, ".")
	id, _, _ = strings.Cut(rest, ".")
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return "", time.Time{}, false, false
	}
	ends = time.Unix(seconds, 0)
	signed := func(scheme string, key []byte) bool {
		_, asked := l.tokens[scheme] // without a token, anyone knows the key
		return asked && subtle.ConstantTimeCompare([]byte(value), []byte(cookieValue(key, ends, id))) == 1
	}
	admin = signed(forAdmin, l.adminKey)
	ok = admin || signed(forRead, l.sessionKey)
	return id, ends, admin, ok && a.Now().Before(ends) && !a.ended.has(id)
}

// hasSession reports whether a request has a valid cookie. On the routes that need the
// read token a cookie is valid only for reading, so that no page can make a visitor's
// browser change anything.
func (a *API) hasSession(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for _, c := range r.CookiesNamed(cookieName(r)) {
		if _, _, _, ok := a.session(liveOf(r.Context()), c.Value); ok {
			return true
		}
	}
	return false
}

// hasAdminSession reports whether a request has a valid cookie that was given for the admin
// token. Browsers send it with requests of the hub's own pages alone, and requests that
// another origin makes are refused before (ServeHTTP).
func (a *API) hasAdminSession(r *http.Request) bool {
	for _, c := range r.CookiesNamed(cookieName(r)) {
		if _, _, admin, ok := a.session(liveOf(r.Context()), c.Value); ok && admin {
			return true
		}
	}
	return false
}

// endSessions ends the sessions whose cookies a request has.
func (a *API) endSessions(r *http.Request) {
	for _, c := range r.CookiesNamed(cookieName(r)) {
		if id, ends, _, ok := a.session(liveOf(r.Context()), c.Value); ok {
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
