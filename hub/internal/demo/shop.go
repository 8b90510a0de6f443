package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/kymohq/kymo"
)

// shop is the service that the hub watches. Its routes differ in what makes
// services hard to watch: one is slow, one fails at times, some are asked for what
// does not exist, and most need a database.
type shop struct {
	database *databaseClient
	cache    *redis.Client

	mu       sync.Mutex
	sessions map[string]string // token to customer
	carts    map[string][]int  // customer to product ids
	orders   map[int]order
}

type product struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Cents int    `json:"cents"`
}

type order struct {
	ID       int   `json:"id"`
	Products []int `json:"products"`
	Cents    int   `json:"cents"`
	customer string
}

const shopProducts = 60

func newShop(database *databaseClient, cache *redis.Client) *shop {
	return &shop{
		database: database,
		cache:    cache,
		sessions: make(map[string]string),
		carts:    make(map[string][]int),
		orders:   make(map[int]order),
	}
}

// handler returns the shop's routes.
func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", s.queries("SELECT * FROM customers", s.login))
	mux.HandleFunc("GET /products", s.listProducts)
	mux.HandleFunc("GET /products/{id}", s.queries("SELECT * FROM products", s.oneProduct))
	mux.HandleFunc("GET /search", s.queries("SELECT * FROM products", s.search))
	mux.HandleFunc("GET /cart", s.signedIn(s.showCart))
	mux.HandleFunc("POST /cart/items", s.signedIn(s.addItem))
	mux.HandleFunc("POST /checkout", s.queries("INSERT INTO orders DEFAULT VALUES", s.signedIn(s.checkout)))
	mux.HandleFunc("GET /orders/{id}", s.queries("SELECT * FROM orders", s.signedIn(s.oneOrder)))
	return mux
}

// queries asks the database before next: without it there is no answer.
func (s *shop) queries(sql string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.ask(w, r, sql) {
			next(w, r)
		}
	}
}

func (s *shop) ask(w http.ResponseWriter, r *http.Request, sql string) bool {
	if err := s.database.query(r.Context(), sql); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return false
	}
	return true
}

// stock is the shop's check of itself: can it tell what it has?
func (s *shop) stock(ctx context.Context) error {
	return s.database.query(ctx, "SELECT count(*) FROM products")
}

func catalog(id int) (product, bool) {
	things := [...]string{"lamp", "chair", "kettle", "rug", "shelf", "clock"}
	p := product{ID: id, Name: fmt.Sprintf("%s no. %d", things[id%len(things)], id), Cents: 500 + id*125}
	return p, id >= 1 && id <= shopProducts
}

// login takes a customer's name and, as the password, the name backwards.
func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	work(r.Context(), 35*time.Millisecond, 0.15) // what a password hash takes
	name, password := r.PostFormValue("name"), r.PostFormValue("password")
	if name == "" || password != backwards(name) {
		http.Error(w, "wrong name or password", http.StatusUnauthorized)
		return
	}
	token := strconv.FormatUint(rand.Uint64(), 36)
	s.mu.Lock()
	s.sessions[token] = name
	s.mu.Unlock()
	kymo.SetUser(w, name)
	answer(w, http.StatusOK, map[string]string{"token": token})
}

// listProducts takes the list from the cache. Without it the list is put
// together anew each time, which takes longer and needs the database.
func (s *shop) listProducts(w http.ResponseWriter, r *http.Request) {
	if !cached(r.Context(), s.cache, "products") {
		if !s.ask(w, r, "SELECT * FROM products") {
			return
		}
		work(r.Context(), 40*time.Millisecond, 0.4)
	}
	work(r.Context(), 6*time.Millisecond, 0.4)
	var list []product
	for id := range shopProducts {
		p, _ := catalog(id + 1)
		list = append(list, p)
	}
	answer(w, http.StatusOK, list)
}

func (s *shop) oneProduct(w http.ResponseWriter, r *http.Request) {
	work(r.Context(), 3*time.Millisecond, 0.5)
	id, _ := strconv.Atoi(r.PathValue("id"))
	p, ok := catalog(id)
	if !ok {
		http.Error(w, "no such product", http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, p)
}

// search is the slow route: it looks as if it read the catalog without an index.
func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	work(r.Context(), 620*time.Millisecond, 0.2)
	word := strings.ToLower(r.FormValue("q"))
	found := []product{}
	for id := range shopProducts {
		if p, _ := catalog(id + 1); strings.Contains(p.Name, word) {
			found = append(found, p)
		}
	}
	answer(w, http.StatusOK, found)
}

// signedIn passes requests with a session to next, and tells Kymo whose they are.
func (s *shop) signedIn(next func(w http.ResponseWriter, r *http.Request, customer string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		customer, ok := s.sessions[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		s.mu.Unlock()
		if !ok {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		kymo.SetUser(w, customer)
		next(w, r, customer)
	}
}

func (s *shop) showCart(w http.ResponseWriter, r *http.Request, customer string) {
	work(r.Context(), 4*time.Millisecond, 0.4)
	s.mu.Lock()
	items := append([]int{}, s.carts[customer]...)
	s.mu.Unlock()
	answer(w, http.StatusOK, items)
}

func (s *shop) addItem(w http.ResponseWriter, r *http.Request, customer string) {
	work(r.Context(), 9*time.Millisecond, 0.4)
	id, _ := strconv.Atoi(r.PostFormValue("product"))
	if _, ok := catalog(id); !ok {
		http.Error(w, "no such product", http.StatusUnprocessableEntity)
		return
	}
	s.mu.Lock()
	s.carts[customer] = append(s.carts[customer], id)
	s.mu.Unlock()
	answer(w, http.StatusCreated, id)
}

// checkout fails when the payment provider, which is not there, does not answer.
func (s *shop) checkout(w http.ResponseWriter, r *http.Request, customer string) {
	work(r.Context(), 90*time.Millisecond, 0.35)
	if rand.Float64() < 0.04 {
		http.Error(w, "the payment provider does not answer", http.StatusBadGateway)
		return
	}
	s.mu.Lock()
	items := s.carts[customer]
	delete(s.carts, customer)
	o := order{ID: len(s.orders) + 1, Products: items, customer: customer}
	for _, id := range items {
		p, _ := catalog(id)
		o.Cents += p.Cents
	}
	if len(items) > 0 {
		s.orders[o.ID] = o
	}
	s.mu.Unlock()
	if len(items) == 0 {
		http.Error(w, "the cart is empty", http.StatusConflict)
		return
	}
	answer(w, http.StatusCreated, o)
}

func (s *shop) oneOrder(w http.ResponseWriter, r *http.Request, customer string) {
	work(r.Context(), 7*time.Millisecond, 0.5)
	id, _ := strconv.Atoi(r.PathValue("id"))
	s.mu.Lock()
	o, ok := s.orders[id]
	s.mu.Unlock()
	if !ok || o.customer != customer {
		http.Error(w, "no such order", http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, o)
}

// work takes some time: log-normal around the median, like most latencies.
func work(ctx context.Context, median time.Duration, sigma float64) {
	t := time.NewTimer(time.Duration(float64(median) * math.Exp(sigma*rand.NormFloat64())))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a customer who left reads nothing
}

func backwards(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
