package settings

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/kymohq/kymo/hub/internal/config"
)

// Secrets looks up secrets that are kept in environment variables and files.
type Secrets struct {
	vars map[string]string
	used map[string]bool // variables that a secret named
	bare bool            // whether a secret was written as itself
	sent bool            // whether a program sent the settings, which may not name what is the hub's
}

// NewSecrets returns a Secrets over these environment variables.
func NewSecrets(vars map[string]string) *Secrets {
	return &Secrets{vars: vars, used: make(map[string]bool)}
}

// Resolve reads a secret that is written as env:NAME, file:PATH or itself. Its
// errors never show the value; what is its name for them: "token", "URL".
func (s *Secrets) Resolve(text, what string) (string, error) {
	if kind, _, _ := strings.Cut(text, ":"); s.sent && (kind == "env" || kind == "file") {
		return "", fmt.Errorf("%s: is read from the hub's own machine, which only its configuration file may ask for; send the %s itself, or add the check to the file", kind, what)
	}
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		s.used[name] = true
		value := s.vars[name]
		if value == "" {
			return "", fmt.Errorf("the environment variable %s, which should hold the %s, is not set", name, what)
		}
		return value, nil
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("cannot read the %s: %w", what, err)
		}
		value := strings.TrimSpace(string(content))
		if value == "" {
			return "", fmt.Errorf("the file %s, which should hold the %s, is empty", path, what)
		}
		return value, nil
	}
	s.bare = s.bare || text != "" && isSecret(text, what)
	return text, nil
}

// isSecret reports whether a text is one that only its owner should read: a token, a
// key, a header that authenticates, or a URL with a password.
func isSecret(text, what string) bool {
	switch what {
	case "token", "key":
		return true
	case "header":
		scheme, _, has := strings.Cut(text, " ")
		return has && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic"))
	}
	u, err := url.Parse(text)
	if err != nil {
		return strings.Contains(text, "@")
	}
	_, has := u.User.Password()
	return has
}

// Token resolves a secret that a header carries.
func (s *Secrets) Token(text string) (string, error) {
	value, err := s.Resolve(text, "token")
	if err == nil {
		err = config.CheckToken(value)
	}
	if err != nil {
		return "", err
	}
	return value, nil
}
