package health

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// maxBody is how much of an answer is read so that its connection can be used again.
const maxBody = 64 << 10

// HTTP returns a probe that sends a GET request to the URL and follows redirects: a
// status from 200 to 399 is healthy. Its results do not contain the URL.
func HTTP(rawURL string) Probe { return HTTPClient(rawURL, nil) }

// HTTPClient is HTTP with the caller's client: for certificates, a token, or a
// Traffic's transport.
func HTTPClient(rawURL string, client *http.Client) Probe {
	p := Probe{Kind: "http"}
	if client == nil {
		own := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, ForceAttemptHTTP2: true}
		client = &http.Client{Transport: own}
		p.Close = func() error { own.CloseIdleConnections(); return nil }
	}
	p.Run = func(ctx context.Context) (Details, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
		if err != nil {
			return nil, errors.New("the address is not a URL")
		}
		resp, err := client.Do(r)
		if err != nil {
			return nil, short(err)
		}
		defer resp.Body.Close()
		_, err = io.CopyN(io.Discard, resp.Body, maxBody)
		details := Details{"status_code": resp.StatusCode}
		switch {
		case resp.StatusCode < 200 || resp.StatusCode > 399:
			return details, answered(resp.StatusCode)
		case err != nil && !errors.Is(err, io.EOF):
			return details, short(err)
		}
		return details, nil
	}
	return p
}

// short is a network's error without the address, which may hold a secret.
func short(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
