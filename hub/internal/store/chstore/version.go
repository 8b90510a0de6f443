package chstore

import (
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// features are abilities that not all servers have.
type features struct {
	// compact: texts as numbers (LowCardinality), and a codec for each column.
	compact bool
	// fsync: a part is synced before its insert is acknowledged. Older servers can lose
	// what only one replica had when power fails.
	fsync bool
	// pinned: settings are sent along that a profile may change so that an insert is
	// acknowledged too early or kept twice, or a report is incomplete. Before 21.11 there
	// are no such settings for inserts.
	pinned bool
	// replicated: several servers hold the same data.
	replicated bool
}

// insert_deduplication_token (22.2) is not used: every row carries its group's number,
// which no other attempt has.

// minVersion is the oldest version that was tested.
var minVersion = proto.Version{Major: 18, Minor: 16}

// featuresOf returns the features of a server. A version is the first in which the
// feature needs no experimental setting
// (https://clickhouse.com/docs/whats-new/changelog).
func featuresOf(v proto.Version, replicated bool) (features, error) {
	if !proto.CheckMinVersion(minVersion, v) {
		return features{}, fmt.Errorf("the server is ClickHouse %d.%d; use %d.%d or newer", v.Major, v.Minor, minVersion.Major, minVersion.Minor)
	}
	return features{
		compact:    proto.CheckMinVersion(proto.Version{Major: 20, Minor: 3}, v),
		fsync:      proto.CheckMinVersion(proto.Version{Major: 20, Minor: 10}, v),
		pinned:     proto.CheckMinVersion(proto.Version{Major: 21, Minor: 11}, v),
		replicated: replicated,
	}, nil
}

// settings returns the settings of each statement.
func (f features) settings() clickhouse.Settings {
	if !f.pinned {
		return nil
	}
	return clickhouse.Settings{
		"async_insert": 0, "insert_deduplicate": 1,
		"timeout_overflow_mode": "throw", "result_overflow_mode": "throw", "read_overflow_mode": "throw",
		"group_by_overflow_mode": "throw", "sort_overflow_mode": "throw", "set_overflow_mode": "throw",
	}
}
