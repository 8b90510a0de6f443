package api

import "github.com/kymohq/kymo/hub/internal/report"

// live is what of a Config may change while the API answers.
type live struct {
	slow       *report.Slow
	tokens     hashedTokens
	sessionKey []byte
}

// Apply puts the rule for slow endpoints and the tokens in force. Requests that
// are being answered end by those they began with; sessions end with the read
// token that they were begun with.
func (a *API) Apply(slow *report.Slow, tokens Tokens) {
	a.live.Store(&live{slow: slow, tokens: tokens.hash(), sessionKey: sessionKey(tokens.Read)})
}
