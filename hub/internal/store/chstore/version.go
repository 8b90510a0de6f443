package chstore

import (
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// features are what some servers have and others have not.
type features struct {
	// compact: texts as numbers (LowCardinality), and a codec for each column.
	compact bool
	// fsync: a part is synced before its insert is acknowledged. Before, a power
	// loss can take what only one replica had.
	fsync bool
	// pinned: settings that a profile may have otherwise, in which an insert would
	// be acknowledged or kept again too early, or a report be less than all there
	// is, are sent along. Before 21.11 there are none of the first kind.
	pinned bool
	// replicated: several servers hold the same.
	replicated bool
}

// A token by which an insert is known again (insert_deduplication_token, 22.2) is
// not used: every row carries its group's number, which no other attempt has.

// minVersion is the oldest server that this was run with.
var minVersion = proto.Version{Major: 18, Minor: 16}

// featuresOf returns what a server has. The versions are those from which on the
// feature needs no experimental setting
// (https://clickhouse.com/docs/whats-new/changelog).
func featuresOf(v proto.Version, replicated bool) (features, error) {
	if !proto.CheckMinVersion(minVersion, v) {
		return features{}, fmt.Errorf("it is ClickHouse %d.%d; use %d.%d or newer", v.Major, v.Minor, minVersion.Major, minVersion.Minor)
	}
	return features{
		compact:    proto.CheckMinVersion(proto.Version{Major: 20, Minor: 3}, v),
		fsync:      proto.CheckMinVersion(proto.Version{Major: 20, Minor: 10}, v),
		pinned:     proto.CheckMinVersion(proto.Version{Major: 21, Minor: 11}, v),
		replicated: replicated,
	}, nil
}

// settings are those of each statement.
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
