//go:build linux

package serverstest

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// ZooKeeperServer is a ZooKeeper that stands alone.
type ZooKeeperServer struct{ *Server }

// ZooKeeper starts a ZooKeeper. It asks for no password.
func ZooKeeper(t testing.TB) *ZooKeeperServer {
	t.Helper()
	java := program(t, "default-jre-headless", "/usr/bin/java")
	jar := program(t, "zookeeper", "/usr/share/java/zookeeper.jar") // which names those it needs
	z := &ZooKeeperServer{newServer(t, "zookeeper")}
	z.write("zoo.cfg", fmt.Sprintf(`dataDir=%s/data
clientPortAddress=127.0.0.1
clientPort=%d
tickTime=500
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=ruok,srvr
forceSync=no
preAllocSize=1024
`, z.dir, z.port))
	z.command = func() *exec.Cmd {
		cmd := exec.Command(java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
			"-cp", jar+":/usr/share/java/slf4j-simple.jar",
			"org.apache.zookeeper.server.quorum.QuorumPeerMain", z.path("zoo.cfg"))
		cmd.Dir = z.dir
		return cmd
	}
	z.ready = z.answers
	z.Start()
	return z
}

// answers reports whether it serves; it listens before it does.
func (z *ZooKeeperServer) answers() bool {
	conn, err := net.Dial("tcp", z.Addr())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = fmt.Fprint(conn, "srvr") // the read below reports whether it arrived
	text, _ := io.ReadAll(conn)
	return strings.Contains(string(text), "Mode: standalone")
}
