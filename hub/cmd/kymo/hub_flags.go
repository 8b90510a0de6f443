package main

import (
	"cmp"
	"fmt"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/config/settings"
)

// hubFlags select the hub that a command asks.
type hubFlags struct {
	Hub   string `placeholder:"URL" help:"The hub's URL; or KYMO_HUB. Default: http://127.0.0.1:5966."`
	Token string `placeholder:"TOKEN" help:"The token the hub asks for: itself, env:NAME or file:PATH; or KYMO_TOKEN."`
}

const defaultHub = "http://" + defaultListen

func (f *hubFlags) client(env *environment) (*client.Client, error) {
	token, where := f.Token, "--token"
	if token == "" {
		token, where = env.vars["KYMO_TOKEN"], "KYMO_TOKEN"
	}
	if token != "" {
		var err error
		if token, err = settings.NewSecrets(env.vars).Token(token); err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
	}
	hub, where := f.Hub, "--hub"
	if hub == "" {
		hub, where = cmp.Or(env.vars["KYMO_HUB"], defaultHub), "KYMO_HUB"
	}
	c, err := client.New(hub, token)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return c, nil
}
