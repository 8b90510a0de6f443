package chstore

import (
	"fmt"
	"strings"
)

// The tables. Those of the ledger are on the first shard only, and so are the
// rows of healthTable, of which there are few.
const (
	requestsTable = "api_metrics"
	healthTable   = "service_health"
	rollupsTable  = "kymo_rollups"
	batchesTable  = "kymo_batches"
	groupsTable   = "kymo_groups"
	sealsTable    = "kymo_seals"
	dropsTable    = "kymo_drops"
	reasonsTable  = "kymo_drop_reasons"
	stateTable    = "kymo_state"

	documentsTable = "kymo_documents"
)

// schemaVersion is the version of the tables, in kymo_state.
const schemaVersion = 1

// The kinds of columns. Newer servers compress each kind with a codec of its own.
type kind string

const (
	name    kind = "name"    // a text with few distinct values
	text    kind = "text"    // a text with many distinct values
	number  kind = "number"  // any number
	rising  kind = "rising"  // a number close to the one in the row before
	unusual kind = "unusual" // an expression
)

type column struct {
	name, typ string
	kind      kind
}

type table struct {
	name      string
	ledger    bool // on the first shard only
	sql       bool // for users; on a cluster, every server has a table of all shards
	columns   []column
	partition string
	order     string
	grain     int // rows between two marks, if not the default
	// newest is the column of which only the row with the largest value has to stay, of
	// those with equal values of order; "" if all have to.
	newest string
}

var tables = []table{
	{name: requestsTable, sql: true, columns: []column{
		{"metric_id", "UUID ALIAS toUUID(UUIDNumToString(MD5(concat(toString(group_id), '/', toString(row)))))", unusual},
		{"endpoint", "String", name},
		{"method", "String", name},
		{"response_time_ms", "Int32", number},
		{"status_code", "Int32", number},
		{"user_id", "Nullable(String)", text},
		{"created_at", "DateTime('UTC')", rising},
		{"created_ms", "UInt16", number}, // the millisecond of the second
		{"service", "String", name},
		{"duration_ns", "Int64", number},
		{"first_byte_ns", "Int64", number},
		{"lifetime_ns", "Int64", number},
		{"response_bytes", "Int64", number},
		{"instance", "String", name},
		{"bucket", "Int16", number}, // of duration_ns; see noBucket
		{"span", "UInt32", rising},  // five minutes of created_at
		{"day", "Date", rising},     // of the group
		{"group_id", "UInt64", rising},
		{"row", "UInt32", rising}, // within the group
		{"version", "String", name},
		{"error", "String", name},
		{"trace_id", "String", text}, // 32 hex digits
	}, partition: "day", order: "span, service, endpoint, method, status_code, created_at"},

	{name: healthTable, sql: true, columns: []column{
		{"health_id", "UUID ALIAS toUUID(UUIDNumToString(MD5(concat('health/', toString(group_id), '/', toString(row)))))", unusual},
		{"service_name", "String", name},
		{"status", "String", name},
		{"details", "String", text},
		{"checked_at", "DateTime('UTC')", rising},
		{"checked_ms", "UInt16", number},
		{"began_ms", "Int64", rising},
		{"failures", "UInt64", number},
		{"instance", "String", name},
		{"flapping", "UInt8", number},
		{"critical", "UInt8", number},
		{"service", "String", name},
		{"check_name", "String", name},
		{"reason", "String", text},
		{"latency", "String", text},
		{"day", "Date", rising},
		{"group_id", "UInt64", rising},
		{"row", "UInt32", rising},
	}, partition: "day", order: "service_name, checked_at", grain: 1024},

	{name: rollupsTable, columns: []column{
		{"tier", "UInt8", rising},
		{"day", "Date", rising},
		{"group_id", "UInt64", rising}, // 0 for a piece
		{"level", "UInt8", rising},
		{"span", "UInt32", rising},
		{"service", "String", name},
		{"endpoint", "String", name},
		{"method", "String", name},
		{"status_code", "Int32", number},
		{"piece", "UInt64", rising}, // 0 for a group
		{"requests", "UInt64", number},
		{"zeros", "UInt64", number},
		{"sum_high", "UInt64", number},
		{"sum_low", "UInt64", number},
		{"least", "Int64", number},
		{"most", "Int64", number},
		{"bucketsMap.idx", "Array(Int16)", number},
		{"bucketsMap.cnt", "Array(UInt64)", number},
	}, partition: "(day, tier)", order: "group_id, level, span, service, endpoint, method, status_code, piece", grain: 1024},

	{name: dropsTable, ledger: true, columns: []column{
		{"day", "Date", rising},
		{"group_id", "UInt64", rising},
		{"service", "String", name},
		{"at_ms", "Int64", rising},
		{"dropped", "UInt64", number},
	}, partition: "day", order: "at_ms", grain: 1024},

	// The same with a reason: a table of its own, since older servers cannot add columns
	// unless they are missing. What has no reason stays in dropsTable.
	{name: reasonsTable, ledger: true, columns: []column{
		{"day", "Date", rising},
		{"group_id", "UInt64", rising},
		{"service", "String", name},
		{"reason", "UInt8", number}, // of wire.DropReason
		{"at_ms", "Int64", rising},
		{"dropped", "UInt64", number},
	}, partition: "day", order: "at_ms", grain: 1024},

	{name: batchesTable, ledger: true, columns: []column{
		{"day", "Date", rising},
		{"instance", "String", name},
		{"sequence", "UInt64", rising},
		{"group_id", "UInt64", rising},
		{"hub", "UInt64", rising},
	}, partition: "day", order: "instance, sequence", grain: 512},

	{name: groupsTable, ledger: true, columns: []column{
		{"day", "Date", rising},
		{"state", "UInt8", rising},
		{"group_id", "UInt64", rising},
	}, partition: "(day, state)", order: "group_id", grain: 1024},

	{name: sealsTable, ledger: true, columns: []column{
		{"tier", "UInt8", rising},
		{"first", "UInt32", rising}, // seconds, as is past
		{"past", "UInt32", rising},
		{"piece", "UInt64", rising},
	}, partition: "tier", order: "first"},

	{name: stateTable, ledger: true, columns: []column{
		{"key", "String", text},
		{"value", "Int64", number},
	}, partition: "tuple()", order: "key"},

	// A row for each change of a document (documents.go), of which the last counts.
	{name: documentsTable, ledger: true, columns: []column{
		{"kind", "String", name},
		{"name", "String", text},
		{"version", "UInt64", number},
		{"deleted", "UInt8", number},
		{"created_ms", "Int64", number},
		{"updated_ms", "Int64", number},
		{"body", "String", text}, // JSON
	}, partition: "tuple()", order: "kind, name", newest: "version"},
}

func tableOf(name string) *table {
	for i := range tables {
		if tables[i].name == name {
			return &tables[i]
		}
	}
	panic("chstore: there is no table " + name)
}

// local returns the table's name on a server; on a cluster, the names that users know
// are those of the tables of all shards.
func (t *table) local(replicated bool) string {
	if t.sql && replicated {
		return t.name + "_local"
	}
	return t.name
}

// definition returns the type of a column, as far as the server supports it.
func (c *column) definition(f features, codecs bool) string {
	switch {
	case !f.compact || c.kind == unusual:
		return c.typ
	case c.kind == name:
		return "LowCardinality(" + c.typ + ")"
	case !codecs:
		return c.typ
	case c.kind == rising:
		return c.typ + " CODEC(Delta, ZSTD)"
	}
	return c.typ + " CODEC(ZSTD)"
}

// definitions returns the columns of a CREATE TABLE. Only tables that store data have
// codecs.
func (t *table) definitions(f features, codecs bool) string {
	lines := make([]string, len(t.columns))
	for i := range t.columns {
		lines[i] = "    " + t.columns[i].column() + " " + t.columns[i].definition(f, codecs)
	}
	return "(\n" + strings.Join(lines, ",\n") + "\n)\n"
}

// create returns the statement that creates the table in a database.
func (t *table) create(database string, f features) string {
	var family string
	var parameters []string
	if f.replicated {
		family, parameters = "Replicated", []string{quote("/clickhouse/tables/{shard}/" + database + "/" + t.name), "'{replica}'"}
	}
	if t.newest != "" {
		family, parameters = family+"Replacing", append(parameters, t.newest)
	}
	engine := family + "MergeTree(" + strings.Join(parameters, ", ") + ")"
	s := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s\n%sENGINE = %s\nPARTITION BY %s\nORDER BY (%s)\n",
		quoteName(database), t.local(f.replicated), t.definitions(f, true), engine, t.partition, t.order)
	var settings []string
	if t.grain > 0 {
		settings = append(settings, fmt.Sprintf("index_granularity = %d", t.grain))
	}
	if f.fsync {
		settings = append(settings, "fsync_after_insert = 1", "fsync_part_directory = 1")
	}
	if len(settings) > 0 {
		s += "SETTINGS " + strings.Join(settings, ", ") + "\n"
	}
	return s
}

// createWhole returns the statement that creates the table of all shards.
func (t *table) createWhole(database, cluster string, f features) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s\n%sENGINE = Distributed(%s, %s, %s)\n",
		quoteName(database), t.name, t.definitions(f, false), quoteName(cluster), quoteName(database), t.local(true))
}

func (c *column) column() string { return "`" + c.name + "`" }

// inserted returns the columns that an insert gives, in order.
func (t *table) inserted() string {
	var names []string
	for i := range t.columns {
		if t.columns[i].kind != unusual {
			names = append(names, t.columns[i].column())
		}
	}
	return strings.Join(names, ", ")
}

// quoteName quotes an identifier.
func quoteName(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

// quote quotes a text.
func quote(text string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(text) + "'"
}
