//go:build linux

package serverstest

import (
	"fmt"
	"html"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

// ClickHouseServer is a ClickHouse that speaks its native protocol.
type ClickHouseServer struct {
	*Server
	password string // of the user default
}

// ClickHouse starts a ClickHouse whose user is default, with this password.
func ClickHouse(t testing.TB, password string) *ClickHouseServer {
	t.Helper()
	c := newClickHouse(t, password)
	c.configure("", "")
	c.Start()
	return c
}

func newClickHouse(t testing.TB, password string) *ClickHouseServer {
	t.Helper()
	bin := program(t, "clickhouse-server", "/usr/sbin/clickhouse-server", "/usr/bin/clickhouse-server")
	c := &ClickHouseServer{newServer(t, "clickhouse"), password}
	c.command = func() *exec.Cmd {
		cmd := exec.Command(bin, "--config-file="+c.path("config.xml"))
		cmd.Dir = c.dir // it leaves files where it is
		return cmd
	}
	c.ready = c.dials
	c.ask = syscall.SIGKILL // else it waits for its clients, who keep their connections
	return c
}

// configure writes its configuration, with more of it in XML: for the server,
// and settings of its user.
func (c *ClickHouseServer) configure(server, settings string) {
	c.t.Helper()
	c.write("config.xml", fmt.Sprintf(`<?xml version="1.0"?>
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
%s</yandex>
`, c.port, c.dir, c.dir, server))
	c.write("users.xml", fmt.Sprintf(`<?xml version="1.0"?>
<yandex>
	<profiles><default>%s</default></profiles>
	<quotas><default/></quotas>
	<users>
		<default>
			<password>%s</password>
			<networks><ip>127.0.0.1</ip></networks>
			<profile>default</profile>
			<quota>default</quota>
		</default>
	</users>
</yandex>
`, settings, html.EscapeString(c.password)))
}

// URL is how to connect: clickhouse://user:password@127.0.0.1:port/db.
func (c *ClickHouseServer) URL(user, password, db string) string {
	return c.url("clickhouse", user, password, db)
}

// SQL runs a statement as the user default and returns what it yields: a line
// per row, with tabs between columns.
func (c *ClickHouseServer) SQL(statement string) string {
	c.t.Helper()
	client := program(c.t, "clickhouse-client", "/usr/bin/clickhouse-client")
	args := []string{"--host=127.0.0.1", "--port=" + strconv.Itoa(c.port), "--query=" + statement}
	if c.password != "" {
		args = append(args, "--password="+c.password)
	}
	cmd := exec.Command(client, args...)
	cmd.Dir = c.dir
	return c.run(cmd)
}
