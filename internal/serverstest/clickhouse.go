//go:build linux

package serverstest

import (
	"fmt"
	"html"
	"os/exec"
	"syscall"
	"testing"
)

// ClickHouseServer is a ClickHouse that speaks its native protocol.
type ClickHouseServer struct{ *Server }

// ClickHouse starts a ClickHouse whose user is default, with this password.
func ClickHouse(t testing.TB, password string) *ClickHouseServer {
	t.Helper()
	bin := program(t, "clickhouse-server", "/usr/sbin/clickhouse-server", "/usr/bin/clickhouse-server")
	c := &ClickHouseServer{newServer(t, "clickhouse")}
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
</yandex>
`, c.port, c.dir, c.dir))
	c.write("users.xml", fmt.Sprintf(`<?xml version="1.0"?>
<yandex>
	<profiles><default/></profiles>
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
`, html.EscapeString(password)))
	c.command = func() *exec.Cmd {
		cmd := exec.Command(bin, "--config-file="+c.path("config.xml"))
		cmd.Dir = c.dir // it leaves files where it is
		return cmd
	}
	c.ready = c.dials
	c.ask = syscall.SIGKILL // else it waits for its clients, who keep their connections
	c.Start()
	return c
}

// URL is how to connect: clickhouse://user:password@127.0.0.1:port/db.
func (c *ClickHouseServer) URL(user, password, db string) string {
	return c.url("clickhouse", user, password, db)
}
