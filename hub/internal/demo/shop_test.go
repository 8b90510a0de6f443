package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// shopOn returns a shop with these backends.
func shopOn(t *testing.T, b *Backends) *shop {
	t.Helper()
	db, err := newDatabaseClient(b.databaseURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.close)
	cache, err := newCacheClient(b.redisURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return newShop(db, cache)
}

// TestShop makes requests that customers make, and some that they should not.
func TestShop(t *testing.T) {
	c, _ := troubled(t)
	server := httptest.NewServer(shopOn(t, c.Backends).handler())
	defer server.Close()
	l := newLoad(server.URL, 1)
	var ada struct{ Token string }
	sign := url.Values{"name": {"ada"}, "password": {"ada"}}
	if got := l.send("POST", "/login", "", sign, &ada); got != http.StatusOK {
		t.Fatalf("login: %d", got)
	}
	var bob struct{ Token string }
	l.send("POST", "/login", "", url.Values{"name": {"bob"}, "password": {"bob"}}, &bob)

	var first order
	steps := []struct {
		method, path, token string
		form                url.Values
		into                any
		want                int
	}{
		{"POST", "/login", "", url.Values{"name": {"ada"}, "password": {"wrong"}}, nil, 401},
		{"GET", "/products", "", nil, nil, 200},
		{"GET", "/products/1", "", nil, nil, 200},
		{"GET", "/products/61", "", nil, nil, 404},
		{"GET", "/products/one", "", nil, nil, 404},
		{"GET", "/search?q=lamp", "", nil, nil, 200},
		{"GET", "/cart", "", nil, nil, 401},
		{"GET", "/cart", ada.Token, nil, nil, 200},
		{"POST", "/checkout", ada.Token, nil, nil, 409},
		{"POST", "/cart/items", ada.Token, url.Values{"product": {"61"}}, nil, 422},
		{"POST", "/cart/items", ada.Token, url.Values{"product": {"2"}}, nil, 201},
		{"POST", "/checkout", ada.Token, nil, &first, 201},
		{"GET", "/orders/1", ada.Token, nil, nil, 200},
		{"GET", "/orders/1", bob.Token, nil, nil, 404},
		{"GET", "/orders/2", ada.Token, nil, nil, 404},
	}
	for _, s := range steps {
		got := l.send(s.method, s.path, s.token, s.form, s.into)
		for s.path == "/checkout" && got == http.StatusBadGateway { // now and then the payment fails
			got = l.send(s.method, s.path, s.token, s.form, s.into)
		}
		if got != s.want {
			t.Errorf("%s %s %v: %d, want %d", s.method, s.path, s.form, got, s.want)
		}
	}
	if first.Cents != 750 || fmt.Sprint(first.Products) != "[2]" {
		t.Errorf("the order is %+v", first)
	}
}

func TestWorkEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	work(ctx, time.Hour, 0)
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}

// TestShopWithoutItsDatabase: only routes that need the database answer 503; those with
// cached data answer until the cache is gone, too.
func TestShopWithoutItsDatabase(t *testing.T) {
	c, _ := troubled(t)
	shop := shopOn(t, c.Backends)
	server := httptest.NewServer(shop.handler())
	defer server.Close()
	l := newLoad(server.URL, 1)
	expect := func(want map[string]int) {
		t.Helper()
		for path, status := range want {
			if got := l.send("GET", path, "", nil, nil); got != status {
				t.Errorf("%s: %d, want %d", path, got, status)
			}
		}
		if err := shop.stock(t.Context()); (err == nil) != (want["/products/1"] == 200) {
			t.Errorf("stock: %v", err)
		}
	}
	expect(map[string]int{"/products": 200, "/products/1": 200})
	c.press('d')
	expect(map[string]int{"/products": 200, "/products/1": 503, "/search?q=lamp": 503, "/orders/1": 503})
	c.press('r')
	expect(map[string]int{"/products": 503, "/products/1": 503})
	c.press('d')
	expect(map[string]int{"/products": 200, "/products/1": 200})
}
