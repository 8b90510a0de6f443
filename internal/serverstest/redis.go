//go:build linux

package serverstest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisServer is a Redis, or a sentinel. It keeps nothing on disk unless told to.
type RedisServer struct {
	*Server
	password string
}

// Redis starts a Redis. Arguments are as on its command line: "--maxclients",
// "20". With "--requirepass" it asks for that password.
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	r := newRedis(t, args)
	r.Start()
	return r
}

func newRedis(t testing.TB, args []string) *RedisServer {
	t.Helper()
	bin := program(t, "redis-server", "/usr/bin/redis-server")
	r := &RedisServer{Server: newServer(t, "redis")}
	for i, arg := range args {
		if arg == "--requirepass" {
			r.password = args[i+1]
		}
	}
	r.command = func() *exec.Cmd {
		return exec.Command(bin, append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(r.port),
			"--dir", r.dir, "--save", "", "--appendonly", "no"}, args...)...)
	}
	r.ready = r.answers
	return r
}

// answers reports whether it answers, be it with a refusal; not while it loads.
func (r *RedisServer) answers() bool {
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = fmt.Fprint(conn, "PING\r\n") // the read below reports whether it arrived
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && !strings.HasPrefix(line, "-LOADING")
}

// URL is how to connect: redis://:password@127.0.0.1:port/0. An empty password
// is left out.
func (r *RedisServer) URL(password string) string { return r.url("redis", "", password, "0") }

// Do runs a command and returns the reply as redis-cli prints it.
func (r *RedisServer) Do(args ...string) string {
	r.t.Helper()
	cli := program(r.t, "redis-tools", "/usr/bin/redis-cli")
	cmd := exec.Command(cli, append([]string{"-e", "-p", strconv.Itoa(r.port)}, args...)...)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+r.password)
	return r.run(cmd)
}

// RedisSentinel starts a Redis and a sentinel that knows it under the name
// main. Arguments are for the Redis.
func RedisSentinel(t testing.TB, args ...string) (master, sentinel *RedisServer) {
	t.Helper()
	master = Redis(t, args...)
	sentinel = newRedis(t, nil)
	sentinel.name = "sentinel"
	config := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor main 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds main 200\n", sentinel.port, sentinel.dir, master.port)
	if master.password != "" {
		config += fmt.Sprintf("sentinel auth-pass main %q\n", master.password)
	}
	sentinel.write("sentinel.conf", config) // which it rewrites
	bin := program(t, "redis-server", "/usr/bin/redis-server")
	sentinel.command = func() *exec.Cmd {
		return exec.Command(bin, sentinel.path("sentinel.conf"), "--sentinel")
	}
	sentinel.Start()
	return master, sentinel
}

// RedisCluster starts a cluster of three masters, which have all slots between
// them. Arguments are for each.
func RedisCluster(t testing.TB, args ...string) []*RedisServer {
	t.Helper()
	const slots = 16384
	nodes := make([]*RedisServer, 3)
	for i := range nodes {
		bus := FreePort(t)
		nodes[i] = Redis(t, append([]string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus),
			"--cluster-node-timeout", "1000"}, args...)...)
		nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots*i/3), strconv.Itoa(slots*(i+1)/3-1))
		nodes[i].Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i > 0 {
			nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(nodes[i].port), strconv.Itoa(bus))
		}
	}
	for _, node := range nodes {
		node.Settle()
	}
	return nodes
}

// Settle waits until a node of a cluster finds all of it in order.
func (r *RedisServer) Settle() {
	r.t.Helper()
	for deadline := time.Now().Add(readyWithin); ; time.Sleep(pollEvery) {
		info := r.Do("CLUSTER", "INFO")
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:3") {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: the cluster is not in order after %s:\n%s", r.name, readyWithin, info)
		}
	}
}
