package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is the shop's customers. Requests begin at a steady rate, whether or not
// earlier ones were answered, as those of real customers do; maxInFlight limits
// how many wait for an answer at once.
type load struct {
	base   string // the shop's URL
	rate   int    // requests a second
	client *http.Client

	customers []*customer
	sent      atomic.Int64 // requests begun
	failed    atomic.Int64 // of these, without an answer
}

// customer is one of the shop's customers.
type customer struct {
	name string

	mu     sync.Mutex
	token  string // empty until signed in
	items  int    // in the cart
	orders []int
}

const (
	shopCustomers = 40
	maxInFlight   = 256
	loadTick      = 10 * time.Millisecond
)

func newLoad(base string, rate int) *load {
	l := &load{base: base, rate: rate, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight, DisableCompression: true},
	}}
	for i := range shopCustomers {
		l.customers = append(l.customers, &customer{name: fmt.Sprintf("customer-%d", i+1)})
	}
	return l
}

// run sends requests until ctx is done. When it returns every one was answered
// or failed. It is no loop.Loop, which would not pass on the time of a tick.
func (l *load) run(ctx context.Context) {
	defer l.client.CloseIdleConnections()
	slots := make(chan struct{}, maxInFlight)
	var inFlight sync.WaitGroup
	defer inFlight.Wait()

	tick := time.NewTicker(loadTick)
	defer tick.Stop()
	last, due := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			// A machine that was suspended must not be flooded when it
			// resumes.
			due = min(due+now.Sub(last).Seconds()*float64(l.rate), maxInFlight)
			last = now
		}
		for ; due >= 1; due-- {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			inFlight.Go(func() {
				defer func() { <-slots }()
				l.visit(l.customers[rand.IntN(len(l.customers))])
			})
		}
	}
}

// visit is one request of a customer.
func (l *load) visit(c *customer) {
	c.mu.Lock()
	token, items, anOrder := c.token, c.items, 0
	if len(c.orders) > 0 {
		anOrder = c.orders[rand.IntN(len(c.orders))]
	}
	c.mu.Unlock()

	dice := rand.Float64()
	switch {
	case token == "" || dice < 0.02:
		l.login(c)
	case dice < 0.30:
		l.send("GET", "/products", token, nil, nil)
	case dice < 0.62:
		// Two of 62 products do not exist.
		l.send("GET", "/products/"+strconv.Itoa(1+rand.IntN(shopProducts+2)), token, nil, nil)
	case dice < 0.67:
		l.send("GET", "/search?q=lamp", token, nil, nil)
	case dice < 0.77:
		l.send("GET", "/cart", token, nil, nil)
	case dice < 0.86 || items == 0:
		l.addItem(c, token)
	case dice < 0.92:
		l.checkout(c, token)
	case dice < 0.93:
		l.send("GET", "/orders/0", token, nil, nil) // mistyped: there is no such order
	case anOrder == 0:
		l.send("GET", "/products", token, nil, nil)
	default:
		l.send("GET", "/orders/"+strconv.Itoa(anOrder), token, nil, nil)
	}
}

func (l *load) addItem(c *customer, token string) {
	form := url.Values{"product": {strconv.Itoa(1 + rand.IntN(shopProducts))}}
	if l.send("POST", "/cart/items", token, form, nil) == http.StatusCreated {
		c.mu.Lock()
		c.items++
		c.mu.Unlock()
	}
}

func (l *load) checkout(c *customer, token string) {
	var o order
	if l.send("POST", "/checkout", token, nil, &o) == http.StatusCreated {
		c.mu.Lock()
		c.items = 0
		c.orders = append(c.orders, o.ID)
		c.mu.Unlock()
	}
}

// login signs the customer in, who mistypes the password now and then.
func (l *load) login(c *customer) {
	password := backwards(c.name)
	if rand.Float64() < 0.1 {
		password = "mistyped"
	}
	var session struct{ Token string }
	form := url.Values{"name": {c.name}, "password": {password}}
	if l.send("POST", "/login", "", form, &session) == http.StatusOK {
		c.mu.Lock()
		c.token = session.Token
		c.mu.Unlock()
	}
}

// send sends one request and returns the answer's status, 0 if there was none.
// If into is not nil it takes the JSON of a success.
func (l *load) send(method, path, token string, form url.Values, into any) int {
	l.sent.Add(1)
	req, err := http.NewRequestWithContext(context.Background(), method, l.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		l.failed.Add(1)
		return 0
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		l.failed.Add(1)
		return 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.failed.Add(1)
		return 0
	}
	if into != nil && resp.StatusCode < 300 {
		_ = json.Unmarshal(body, into) // the shop is ours: it sends what it promises
	}
	return resp.StatusCode
}
