package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	goredis "github.com/redis/go-redis/v9"
)

// redisSentinel probes the Redis that the sentinels name. It asks them in
// each run; the driver's own client would follow them in the background, over
// separate connections.
type redisSentinel struct {
	spec      *Spec
	options   redisOptions // of the primary
	name      string       // of the primary, to the sentinels
	sentinels []*redisNode
	primary   *redisNode // the one that was named last; nil before the first
}

func newRedisSentinel(s *Spec, a *address, options redisOptions) (*redisSentinel, error) {
	if err := a.onlyOptions("sentinel_password", "skip_verify"); err != nil {
		return nil, err
	}
	name, db, _ := strings.Cut(a.path, "/")
	if name == "" {
		return nil, wrong("url", "must name the primary after the hosts, as the sentinels call it: redis+sentinel://host:26379/main")
	}
	r := &redisSentinel{spec: s, options: options, name: name}
	var err error
	if r.options.DB, err = redisDB(db); err != nil {
		return nil, err
	}
	theirs := options
	theirs.Username, theirs.Password = "", a.options.Get("sentinel_password")
	for _, host := range a.hosts {
		r.sentinels = append(r.sentinels, newRedisNode(host, theirs))
	}
	return r, nil
}

func (r *redisSentinel) run(ctx context.Context) (health.Details, error) {
	var addr string
	err := firstThatAnswers(ctx, r.sentinels, func(ctx context.Context, client *goredis.Client) error {
		found, err := client.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", r.name).StringSlice()
		if err == nil && len(found) == 2 {
			addr = net.JoinHostPort(found[0], found[1])
		}
		return err
	})
	switch {
	case errors.Is(err, goredis.Nil), err == nil && addr == "":
		return nil, fault(fmt.Sprintf("the sentinels know no %q", r.name))
	case err != nil:
		return nil, inPlace("sentinel", err)
	}
	if r.primary == nil || r.primary.options.Addr != addr {
		r.closePrimary()
		r.primary = newRedisNode(addr, r.options)
	}
	details, err := runRedis(ctx, r.spec, r.primary)
	if details == nil {
		details = health.Details{}
	}
	details["primary"] = addr
	return details, err
}

func (r *redisSentinel) closePrimary() {
	if r.primary != nil {
		r.primary.close()
	}
}

func (r *redisSentinel) drop() { r.close() }

func (r *redisSentinel) close() {
	r.closePrimary()
	for _, sentinel := range r.sentinels {
		sentinel.close()
	}
}

// inPlace adds the place to an error of the network. Answers are not changed,
// so that redisReason can read them.
func inPlace(where string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) { // the latter from a dial
		return err // the time of the run is up, which explain says in its own words
	}
	if known := networkFault(err); known != "" && known != errLost {
		return fault(where + ": " + string(known))
	}
	return err
}

// firstThatAnswers asks nodes in order until one answers, even with an error. None may
// use up the time of those after it.
func firstThatAnswers(ctx context.Context, nodes []*redisNode, ask func(context.Context, *goredis.Client) error) (err error) {
	for i, node := range nodes {
		err = node.with(func(client *goredis.Client) error {
			if deadline, ok := ctx.Deadline(); ok && i < len(nodes)-1 {
				share := time.Until(deadline) / time.Duration(len(nodes)-i+1) // one more for what follows
				some, cancel := context.WithTimeout(ctx, share)
				defer cancel()
				return ask(some, client)
			}
			return ask(ctx, client)
		})
		if answer := goredis.Error(nil); err == nil || errors.As(err, &answer) {
			return err
		}
	}
	return err
}
