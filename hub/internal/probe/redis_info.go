package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	goredis "github.com/redis/go-redis/v9"
)

// scratchFor is how long the scratch key lives after the last run.
const scratchFor = time.Minute

// redisInfo is the answer to INFO, by name. It is nil if the user may not ask.
type redisInfo map[string]string

// ask probes a server in one round trip: whether it answers, whether it keeps
// what is written under the scratch key, and what it says of itself.
func (n *redisNode) ask(ctx context.Context, scratch string) (info redisInfo, err error) {
	err = n.with(func(client *goredis.Client) error {
		pipe := client.Pipeline()
		ping := pipe.Ping(ctx)
		var set *goredis.StatusCmd
		var kept *goredis.StringCmd
		value := rand.Text()
		if scratch != "" {
			set = pipe.Set(ctx, scratch, value, scratchFor)
			kept = pipe.Get(ctx, scratch)
		}
		about := pipe.Info(ctx)
		_, failed := pipe.Exec(ctx)
		if answer := goredis.Error(nil); failed != nil && !errors.As(failed, &answer) {
			return failed
		}
		switch {
		case ping.Val() != "PONG":
			// Where there is no connection, only Exec has an error: the commands look
			// as if they had succeeded with nothing.
			return cmp.Or(ping.Err(), failed, error(fault("this is not Redis")))
		case scratch == "":
		case set.Err() != nil:
			return set.Err()
		case kept.Err() != nil && !errors.Is(kept.Err(), goredis.Nil):
			return kept.Err()
		case kept.Val() != value:
			return fault("what was written under the scratch key is not there when read back")
		}
		if about.Err() == nil {
			info = parseInfo(about.Val())
		}
		return nil
	})
	return info, err
}

// parseInfo reads the answer to INFO: lines of name:value, and titles after #.
func parseInfo(text string) redisInfo {
	info := make(redisInfo)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name[0] != '#' {
			info[name] = value
		}
	}
	return info
}

func (i redisInfo) number(name string) int64 {
	n, _ := strconv.ParseInt(i[name], 10, 64)
	return n
}

// judge adds to the details and to what is wrong.
func (i redisInfo) judge(s *Spec, details health.Details, f *findings) {
	if i == nil {
		if s.MaxConnections > 0 || s.MaxLag > 0 || s.MaxMemory > 0 {
			f.unsuref("max_connections, max_lag and max_memory need the command INFO, which the user may not use")
		}
		return
	}
	details["version"] = i["redis_version"]
	details["role"] = "primary"
	used, limit := i.number("connected_clients"), i.number("maxclients")
	details["connections"] = used
	if limit > 0 { // Redis 7
		details["connections_max"] = limit
	}
	f.connections(used, limit, s.MaxConnections)

	memory, memoryLimit := i.number("used_memory"), i.number("maxmemory")
	details["memory_bytes"] = memory
	if memoryLimit > 0 {
		details["memory_bytes_max"] = memoryLimit
	}
	f.memory(memory, memoryLimit, s.MaxMemory)

	if i["role"] != "slave" {
		details["replicas"] = i.number("connected_slaves")
		return
	}
	details["role"] = "replica"
	if i["master_link_status"] != "up" {
		details["linked"] = false
		if s.MaxLag > 0 {
			f.degradef("the replica has no connection to its primary")
		}
		return
	}
	details["linked"] = true
	// A primary sends something each 10 s (repl-ping-replica-period), so less than
	// that is no lag.
	lag := time.Duration(i.number("master_last_io_seconds_ago")) * time.Second
	details["lag_ms"] = lag.Milliseconds()
	f.lag(lag, s.MaxLag)
}

// redisDB reads the number of a database; none is 0.
func redisDB(path string) (int, error) {
	if path == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(path)
	if err != nil || n < 0 {
		return 0, wrong("url", "must have the number of a database after the host, as in redis://host:6379/0, or nothing")
	}
	return n, nil
}
