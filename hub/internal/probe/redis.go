package probe

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisExample is what a URL looks like. The scheme names the kind of server:
//
//	redis://user:password@host:6379/0
//	redis+sentinel://user:password@host:26379,host2:26379/main/0
//	redis+cluster://user:password@host:6379,host2:6379
//	unix://user:password@/run/redis.sock?db=0
//
// Each with rediss for TLS, and then with the option skip_verify=true for any
// certificate. Sentinels may have a password of their own: sentinel_password.
const redisExample = "redis://user:password@host:6379/0, " +
	"redis+sentinel://user:password@host:26379,host2:26379/main/0 or redis+cluster://host:6379,host2:6379"

// quiet turns off the driver's log, which can only be done for the whole
// process. It would repeat each failed run in a line of its own.
var quiet = sync.OnceFunc(logging.Disable)

func newRedis(s *Spec) (health.Probe, error) {
	port := "6379"
	if scheme, _, _ := strings.Cut(s.URL, "://"); strings.HasSuffix(scheme, "+sentinel") {
		port = "26379"
	}
	a, err := parseAddress(s.URL, redisExample, port, "redis", "rediss",
		"redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster", "unix")
	if err == nil {
		err = checkLimits(s)
	}
	if err != nil {
		return health.Probe{}, err
	}
	quiet()
	l := &lines{}
	options := redisOptions{Options: goredis.Options{Username: a.user, Password: a.password, Dialer: l.dial}}
	secure, err := newSecure(s.TLS, a.options.Get("skip_verify") == "true")
	if err != nil {
		return health.Probe{}, err
	}
	scheme, way, _ := strings.Cut(a.scheme, "+")
	switch {
	case scheme == "rediss":
		options.secure = secure
	case secure.given():
		return health.Probe{}, unusedTLS("it must begin with rediss://")
	}
	var d database
	switch way {
	case "sentinel":
		d, err = newRedisSentinel(s, a, options)
	case "cluster":
		d, err = newRedisCluster(s, a, options)
	default:
		d, err = newRedisSingle(s, a, options)
	}
	if err != nil {
		return health.Probe{}, err
	}
	return databaseProbe(s, a, &redisWatched{d, l, a.user}, l), nil
}

// redisWatched cuts a client's connections when a run's context is done (the
// driver heeds only its deadline) and turns its errors into faults.
type redisWatched struct {
	database
	lines *lines
	user  string
}

func (r *redisWatched) run(ctx context.Context) (health.Details, error) {
	stop := r.lines.cutAfter(ctx)
	defer stop()
	details, err := r.database.run(ctx)
	return details, redisReason(err, r.user)
}

// redisReason returns what the server refused, where it can be told.
func redisReason(err error, user string) error {
	refused := goredis.Error(nil)
	if !errors.As(err, &refused) {
		if err != nil && contains(err, "redis: can't parse", "redis: invalid reply") {
			return fault("the server does not speak the protocol of Redis")
		}
		return err
	}
	text := refused.Error()
	for _, known := range []struct {
		part string
		err  error
	}{
		{"WRONGPASS", errPassword(user)},
		{"invalid password", errPassword(user)}, // before Redis 6
		{"NOAUTH", fault("the server requires a password")},
		{"no password is set", fault("the url has a password, but the server requires none")}, // before Redis 6
		{"max number of clients", errTooMany},
		{"LOADING", health.Degradedf("loading its data into memory")},
		{"READONLY", fault("read-only: it is a replica")},
		{"MASTERDOWN", fault("the replica has no connection to its primary and serves no old data")},
	} {
		if strings.Contains(text, known.part) {
			return known.err
		}
	}
	return errors.New(text)
}

// redisOptions are how to connect, but to which address.
type redisOptions struct {
	goredis.Options
	secure *secure // nil without TLS
}

// redisSingle probes one Redis.
type redisSingle struct {
	spec *Spec
	node *redisNode
}

func newRedisSingle(s *Spec, a *address, options redisOptions) (*redisSingle, error) {
	known, db := "skip_verify", a.path
	if a.scheme == "unix" {
		if known, db = "db", a.options.Get("db"); a.socket == "" {
			return nil, wrong("url", "must have the absolute path of a socket, like unix:///run/redis.sock")
		}
	}
	if err := a.onlyOptions(known); err != nil {
		return nil, err
	}
	network, addr, _, err := a.one()
	if err == nil {
		options.DB, err = redisDB(db)
	}
	if err != nil {
		return nil, err
	}
	options.Network = network
	return &redisSingle{s, newRedisNode(addr, options)}, nil
}

func (r *redisSingle) run(ctx context.Context) (health.Details, error) {
	return runRedis(ctx, r.spec, r.node)
}

func (r *redisSingle) drop() { r.node.close() }

func (r *redisSingle) close() { r.node.close() }

// runRedis probes one Redis and judges it.
func runRedis(ctx context.Context, s *Spec, node *redisNode) (health.Details, error) {
	info, err := node.ask(ctx, s.ScratchKey)
	if err != nil {
		return nil, err
	}
	details := health.Details{}
	var f findings
	info.judge(s, details, &f)
	return details, f.err()
}

// redisNode is a Redis at one address, and the connection to it.
type redisNode struct {
	options redisOptions
	client  *goredis.Client // nil if there is none
	refused error           // to the greeting of the last connection
}

func newRedisNode(addr string, options redisOptions) *redisNode {
	n := &redisNode{options: options}
	o := &n.options
	o.Addr = addr
	if o.secure != nil {
		name, _, _ := net.SplitHostPort(addr)
		// The driver leaves TLS to a dialer that is not its own.
		dial := o.Dialer
		o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return overTLS(ctx, o.secure.config(name), dial, network, addr)
		}
	}
	o.ClientName, o.DisableIdentity = clientName, true
	o.Protocol = 2
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	// One connection and one attempt: the next run is the second. A pool whose
	// failed attempts reach its size keeps dialing in the background, so its size
	// is one more.
	o.MaxActiveConns, o.PoolSize = 1, 2
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ConnMaxIdleTime = -1
	// The run's context says when to give up, but for the dial, which outlives it.
	o.ContextTimeoutEnabled = true
	o.ReadTimeout, o.WriteTimeout = -1, -1
	o.DialTimeout = 10 * time.Second
	return n
}

// with calls f with a client. Its connection has a name, unless the user may not give it
// one.
func (n *redisNode) with(f func(*goredis.Client) error) error {
	err := n.attempt(f)
	if n.options.ClientName != "" && isNoPermission(err) && strings.Contains(strings.ToLower(err.Error()), "client") {
		n.close()
		n.options.ClientName = ""
		return n.attempt(f)
	}
	return err
}

// isNoPermission reports whether the server refused a command because of the user's rights.
func isNoPermission(err error) bool {
	answer := goredis.Error(nil)
	return errors.As(err, &answer) && strings.Contains(answer.Error(), "NOPERM")
}

// attempt calls f with a client. After an error that is not an answer the client is
// closed, since it remembers the failure.
func (n *redisNode) attempt(f func(*goredis.Client) error) error {
	if n.client == nil {
		options := n.options
		n.client, n.refused = goredis.NewClient(&options.Options), nil
		n.client.AddHook(greeting{n})
	}
	err := f(n.client)
	answer := goredis.Error(nil)
	if err == nil || errors.As(err, &answer) {
		return err
	}
	n.close()
	// A server with too many clients answers so and closes the connection. The
	// driver mistakes that for an old server's answer, continues, and reports a
	// later error.
	if n.refused != nil && isLost(err) {
		return n.refused
	}
	return err
}

func (n *redisNode) close() {
	if n.client != nil {
		_ = n.client.Close()
		n.client = nil
	}
}

// greeting remembers how a server refused the greeting.
type greeting struct{ node *redisNode }

func (g greeting) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (g greeting) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (g greeting) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		err := next(ctx, cmd)
		answer := goredis.Error(nil)
		if cmd.Name() == "hello" && errors.As(err, &answer) {
			g.node.refused = answer
		}
		return err
	}
}
