package remote

import (
	"errors"
	"net/url"
	"strings"
)

// ErrUnescaped is the error of a URL in which a special character of the user or the
// password is written as it is. Programs disagree about where such a password ends, and
// take a part of it for a host, which they look up, or for a database, which they show.
var ErrUnescaped = errors.New("the URL's user or password contains a special character, which must be percent-encoded: " +
	"write @ as %40, / as %2F, ? as %3F, # as %23 and % as %25")

var errHosts = errors.New("the URL's hosts must be host or host:port, with commas between them; " +
	"and special characters in user and password must be percent-encoded: write @ as %40, / as %2F, ? as %3F, # as %23 and % as %25")

// CheckURL returns an error unless it is certain which part of a server's URL is the
// password. Errors quote nothing of it.
func CheckURL(text string) error {
	_, rest, _ := strings.Cut(text, "://")
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if strings.ContainsAny(tail, "@#") || strings.Count(authority, "@") > 1 {
		return ErrUnescaped
	}
	user, hosts, found := strings.Cut(authority, "@")
	if !found {
		user, hosts = "", authority
	}
	if _, err := url.Parse("x://" + user + "@h"); err != nil {
		return ErrUnescaped
	}
	if _, err := url.PathUnescape(tail); err != nil {
		return ErrUnescaped
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if !isHost(host) {
			return errHosts
		}
	}
	_, query, _ := strings.Cut(tail, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" && !strings.Contains(pair, "=") {
			return errors.New("the URL's options must be name=value; in a value, write & as %26")
		}
	}
	return nil
}

// isHost reports whether a text can be a host, with a port or not. Some leave it out, or
// write the path of a socket.
func isHost(text string) bool {
	if text == "" {
		return true
	}
	var name, port string
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return false
		}
		name, port = text[1:end], strings.TrimPrefix(text[end+1:], ":")
		return consistsOf(name, letters+digits+".:%-_") && consistsOf(port, digits)
	}
	name, port, _ = strings.Cut(text, ":")
	return consistsOf(name, letters+digits+".-_%") && consistsOf(port, digits)
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func consistsOf(text, characters string) bool { return strings.Trim(text, characters) == "" }

// AdviceError is an error whose text is for the user as it is: it holds no password, even if
// a part of it is the same text.
type AdviceError string

func (a AdviceError) Error() string { return string(a) }
