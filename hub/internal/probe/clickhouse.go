package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/kymohq/kymo/health"
)

// clickHouse probes a ClickHouse over one connection of its native protocol.
type clickHouse struct {
	readonly bool // the user may not change settings
	spec     *Spec
	user     string
	conn     driver.Conn
	lines    *lines
}

func newClickHouse(s *Spec) (health.Probe, error) {
	a, err := parseAddress(s.URL, "clickhouse://user:password@host:9000/database", "9000", "clickhouse")
	if err != nil {
		return health.Probe{}, err
	}
	if err := a.onlyOptions("secure", "skip_verify"); err != nil {
		return health.Probe{}, err
	}
	_, host, name, err := a.one()
	if err != nil {
		return health.Probe{}, err
	}
	secure, err := newSecure(s.TLS, a.options.Get("skip_verify") == "true")
	if err != nil {
		return health.Probe{}, err
	}
	var wrapped *tls.Config
	switch {
	case a.options.Get("secure") == "true":
		wrapped = secure.config(name)
	case secure.given():
		return health.Probe{}, unusedTLS("it must have the option secure=true")
	}
	c := &clickHouse{spec: s, user: a.user, lines: &lines{}}
	options := &clickhouse.Options{
		Addr:         []string{host},
		Auth:         clickhouse.Auth{Database: a.path, Username: a.user, Password: a.password},
		MaxOpenConns: 1,
		MaxIdleConns: 1,
		// The run's context sets the time limit; these must not be shorter.
		DialTimeout:     time.Hour,
		ReadTimeout:     time.Hour,
		ConnMaxLifetime: 24 * time.Hour,
	}
	options.ClientInfo.Products = append(options.ClientInfo.Products, struct{ Name, Version string }{clientName, ""})
	options.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
		return overTLS(ctx, wrapped, c.lines.dial, "tcp", addr)
	}
	if c.conn, err = clickhouse.Open(options); err != nil {
		return health.Probe{}, wrong("url", "is invalid for the driver: %s", a.secrets.show(err.Error()))
	}
	return databaseProbe(s, a, c, c.lines), nil
}

func (c *clickHouse) run(ctx context.Context) (health.Details, error) {
	// The driver ignores ctx while it waits for the server's greeting.
	stop := c.lines.cutAfter(ctx)
	details, err := c.ask(ctx)
	stop()
	if err != nil {
		c.lines.cut() // the driver leaves a connection open on which it was refused
	}
	return details, c.reason(err)
}

func (c *clickHouse) ask(ctx context.Context) (health.Details, error) {
	query := c.spec.Query
	if query == "" {
		query = "SELECT 1"
	}
	// The server would go on with the query after the run, and has limits of whole seconds.
	// The driver sets one that is longer, by the deadline; the lines are cut by that.
	if limit := limitOf(ctx); limit > 0 && !c.readonly {
		seconds := int(max(1, math.Ceil(limit.Seconds())))
		ctx = clickhouse.Context(context.WithoutCancel(ctx), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": seconds}))
	}
	// Exec reads and drops all rows. Query would return the connection to the pool
	// only a moment after the last row, so that the next statement would open a
	// second one.
	err := c.conn.Exec(ctx, query)
	if refused := (*clickhouse.Exception)(nil); !c.readonly && errors.As(err, &refused) && refused.Code == 164 {
		c.readonly = true // it may not change settings
		return c.ask(ctx)
	}
	if err != nil {
		return nil, err
	}
	version, err := c.conn.ServerVersion()
	if err != nil {
		return nil, err
	}
	return health.Details{"version": version.Version.String()}, nil
}

// reason returns what the server refused, where it can be told.
func (c *clickHouse) reason(err error) error {
	refused := (*clickhouse.Exception)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case 192, 193, 194, 516: // unknown user, wrong or required password, authentication failed
		return errPassword(c.user)
	case 202, 203: // too many simultaneous queries, no free connection
		return errTooMany
	}
	return fmt.Errorf("query: %s", refused.Message)
}

func (c *clickHouse) drop() { c.lines.cut() }

func (c *clickHouse) close() { _ = c.conn.Close() }
