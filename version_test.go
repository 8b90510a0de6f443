package kymo

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

func TestBuildVersion(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for _, test := range []struct {
		main, revision, modified string
		want                     string
	}{
		{"v1.4.2", revision, "false", "v1.4.2"},
		{"v1.4.2-rc.1", "", "", "v1.4.2-rc.1"},
		{"v2.0.0+incompatible", "", "", "v2.0.0+incompatible"},
		{"v1.0.0-20260102-abcdefabcdef", "", "", "v1.0.0-20260102-abcdefabcdef"},
		{"v1.4.2+dirty", revision, "true", "0123456789ab-dirty"},
		{"v0.0.0-20260102030405-0123456789ab", revision, "false", "0123456789ab"},
		{"v1.4.3-0.20260102030405-0123456789ab+dirty", revision, "true", "0123456789ab-dirty"},
		{"v1.4.3-rc.1.0.20260102030405-0123456789ab", revision, "false", "0123456789ab"},
		{"(devel)", revision, "false", "0123456789ab"},
		{"(devel)", "0123", "true", "0123-dirty"},
		{"(devel)", "", "", ""},
		{"", "", "true", ""},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: test.main}}
		for key, value := range map[string]string{"vcs.revision": test.revision, "vcs.modified": test.modified} {
			if value != "" {
				info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
			}
		}
		if got := buildVersion(info, true); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
	if got := buildVersion(nil, false); got != "" {
		t.Errorf("without information: %q", got)
	}
}

func TestWithVersion(t *testing.T) {
	for _, test := range []struct {
		version, want string
		problem       bool
	}{
		{"1.4.2", "1.4.2", false},
		{"", "", false},
		{strings.Repeat("v", 65), strings.Repeat("v", 64), true},
		{"v1\n", "v1\uFFFD", true},
	} {
		o := newOptions([]Option{WithVersion(test.version)})
		if o.version != test.want || len(o.problems) > 0 != test.problem {
			t.Errorf("%q: %q, problems %q", test.version, o.version, o.problems)
		}
	}
}

// Every batch names the release: of requests, of what checks found, and heartbeats.
func TestVersionIsShipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shipped []wire.Batch
		sink := sinkFunc(func(_ context.Context, data []byte) error {
			var b wire.Batch
			if err := wire.Decode(data, &b); err != nil {
				return err
			}
			shipped = append(shipped, b)
			return nil
		})
		m := New("test", WithVersion("v1.4.2"), WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
		_, probe := switchable()
		m.Check("database", probe, health.Every(time.Second))
		h := m.Middleware(nothing)
		for range 3 {
			do(h, "GET", "/")
			time.Sleep(time.Minute)
		}
		closeMonitor(t, m)
		var requests, results, heartbeats int
		for i := range shipped {
			b := &shipped[i]
			if b.Version != "v1.4.2" {
				t.Errorf("got %+v", b)
			}
			requests += b.Len()
			if b.Kind == wire.Kept {
				results += len(b.Health)
			} else {
				heartbeats++
			}
		}
		if requests != 3 || results < 3 || heartbeats < 15 {
			t.Errorf("%d requests, %d results, %d heartbeats", requests, results, heartbeats)
		}
	})
}
