package storage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// kymoClickHouse is a ClickHouse server for a hub.
type kymoClickHouse struct {
	dir     string
	port    int
	process *process
}

const clickHouseConfig = `<?xml version="1.0"?>
<yandex>
	<logger><level>warning</level><console>1</console></logger>
	<listen_host>127.0.0.1</listen_host>
	<tcp_port>%d</tcp_port>
	<path>%s/data/</path>
	<tmp_path>%s/tmp/</tmp_path>
	<mark_cache_size>67108864</mark_cache_size>
	<users_config>users.xml</users_config>
	<default_profile>default</default_profile>
	<default_database>default</default_database>
	<timezone>UTC</timezone>
</yandex>
`

const clickHouseUsers = `<?xml version="1.0"?>
<yandex>
	<profiles><default/></profiles>
	<quotas><default/></quotas>
	<users><default>
		<password></password>
		<networks><ip>127.0.0.1</ip></networks>
		<profile>default</profile>
		<quota>default</quota>
	</default></users>
</yandex>
`

// newKymoClickHouse starts a server as Debian's package configures it, but for
// its port and paths.
func newKymoClickHouse(ctx context.Context) (*kymoClickHouse, error) {
	program, err := exec.LookPath("clickhouse-server")
	if err != nil {
		return nil, fmt.Errorf("ClickHouse is %w: install Debian's package clickhouse-server", errAbsent)
	}
	dir, err := os.MkdirTemp("", "bench-clickhouse-")
	if err != nil {
		return nil, err
	}
	c := &kymoClickHouse{dir: dir}
	if err := c.start(ctx, program); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

func (c *kymoClickHouse) start(ctx context.Context, program string) (err error) {
	if c.port, err = freePort(); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"config.xml": fmt.Sprintf(clickHouseConfig, c.port, c.dir, c.dir), "users.xml": clickHouseUsers,
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	server := exec.Command(program, "--config-file="+filepath.Join(c.dir, "config.xml"))
	server.Dir = c.dir
	if c.process, err = start(server, filepath.Join(c.dir, "log")); err != nil {
		return wrap("start ClickHouse", err)
	}
	return c.process.ready(ctx, func(ctx context.Context) error {
		_, err := c.number(ctx, "SELECT 1")
		return err
	})
}

// ClickHouseVersion is the installed server's version.
func ClickHouseVersion() string {
	out, err := exec.Command("clickhouse-client", "--version").Output()
	if err != nil {
		return "not installed"
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "ClickHouse client version ")
	return strings.TrimSuffix(version, ".")
}

// number asks for one number.
func (c *kymoClickHouse) number(ctx context.Context, sql string) (int64, error) {
	client := exec.CommandContext(ctx, "clickhouse-client", "--host=127.0.0.1", "--port="+strconv.Itoa(c.port), "--query="+sql)
	client.Dir = c.dir
	out, err := client.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("ask ClickHouse: %w: %s", err, out)
	}
	return strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
}

func (c *kymoClickHouse) store() string {
	return fmt.Sprintf("clickhouse://default@127.0.0.1:%d/kymo", c.port)
}

// settle waits until the hub has added up what it has of each minute. The
// measured report is then the one of every hub that runs for some minutes.
func (c *kymoClickHouse) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		// Groups carry the second in which they began in their upper 30 bits, from 1.6e9 on.
		left, err := c.number(ctx, `SELECT count() FROM kymo.kymo_groups
			WHERE intDiv(group_id, 17179869184) + 1600000000 >= (SELECT max(past) FROM kymo.kymo_seals)`)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d groups were not added up in time", left)
		case <-time.After(time.Second):
		}
	}
}

func (c *kymoClickHouse) size(ctx context.Context) (int64, error) {
	return c.number(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'kymo' AND active")
}

func (c *kymoClickHouse) kill() {
	if c.process != nil {
		_ = c.process.stop(syscall.SIGKILL) // the directory goes anyway
	}
	_ = os.RemoveAll(c.dir)
}
