CREATE TABLE IF NOT EXISTS `kymo`.api_metrics_local
(
    `metric_id` UUID ALIAS toUUID(UUIDNumToString(MD5(concat(toString(group_id), '/', toString(row))))),
    `endpoint` LowCardinality(String),
    `method` LowCardinality(String),
    `response_time_ms` Int32 CODEC(ZSTD),
    `status_code` Int32 CODEC(ZSTD),
    `user_id` Nullable(String) CODEC(ZSTD),
    `created_at` DateTime('UTC') CODEC(Delta, ZSTD),
    `created_ms` UInt16 CODEC(ZSTD),
    `service` LowCardinality(String),
    `duration_ns` Int64 CODEC(ZSTD),
    `first_byte_ns` Int64 CODEC(ZSTD),
    `lifetime_ns` Int64 CODEC(ZSTD),
    `response_bytes` Int64 CODEC(ZSTD),
    `instance` LowCardinality(String),
    `bucket` Int16 CODEC(ZSTD),
    `span` UInt32 CODEC(Delta, ZSTD),
    `day` Date CODEC(Delta, ZSTD),
    `group_id` UInt64 CODEC(Delta, ZSTD),
    `row` UInt32 CODEC(Delta, ZSTD),
    `version` LowCardinality(String),
    `error` LowCardinality(String),
    `trace_id` String CODEC(ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/api_metrics', '{replica}')
PARTITION BY day
ORDER BY (span, service, endpoint, method, status_code, created_at)

CREATE TABLE IF NOT EXISTS `kymo`.api_metrics
(
    `metric_id` UUID ALIAS toUUID(UUIDNumToString(MD5(concat(toString(group_id), '/', toString(row))))),
    `endpoint` LowCardinality(String),
    `method` LowCardinality(String),
    `response_time_ms` Int32,
    `status_code` Int32,
    `user_id` Nullable(String),
    `created_at` DateTime('UTC'),
    `created_ms` UInt16,
    `service` LowCardinality(String),
    `duration_ns` Int64,
    `first_byte_ns` Int64,
    `lifetime_ns` Int64,
    `response_bytes` Int64,
    `instance` LowCardinality(String),
    `bucket` Int16,
    `span` UInt32,
    `day` Date,
    `group_id` UInt64,
    `row` UInt32,
    `version` LowCardinality(String),
    `error` LowCardinality(String),
    `trace_id` String
)
ENGINE = Distributed(`main`, `kymo`, api_metrics_local)

CREATE TABLE IF NOT EXISTS `kymo`.service_health_local
(
    `health_id` UUID ALIAS toUUID(UUIDNumToString(MD5(concat('health/', toString(group_id), '/', toString(row))))),
    `service_name` LowCardinality(String),
    `status` LowCardinality(String),
    `details` String CODEC(ZSTD),
    `checked_at` DateTime('UTC') CODEC(Delta, ZSTD),
    `checked_ms` UInt16 CODEC(ZSTD),
    `began_ms` Int64 CODEC(Delta, ZSTD),
    `failures` UInt64 CODEC(ZSTD),
    `instance` LowCardinality(String),
    `flapping` UInt8 CODEC(ZSTD),
    `critical` UInt8 CODEC(ZSTD),
    `service` LowCardinality(String),
    `check_name` LowCardinality(String),
    `reason` String CODEC(ZSTD),
    `latency` String CODEC(ZSTD),
    `day` Date CODEC(Delta, ZSTD),
    `group_id` UInt64 CODEC(Delta, ZSTD),
    `row` UInt32 CODEC(Delta, ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/service_health', '{replica}')
PARTITION BY day
ORDER BY (service_name, checked_at)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.service_health
(
    `health_id` UUID ALIAS toUUID(UUIDNumToString(MD5(concat('health/', toString(group_id), '/', toString(row))))),
    `service_name` LowCardinality(String),
    `status` LowCardinality(String),
    `details` String,
    `checked_at` DateTime('UTC'),
    `checked_ms` UInt16,
    `began_ms` Int64,
    `failures` UInt64,
    `instance` LowCardinality(String),
    `flapping` UInt8,
    `critical` UInt8,
    `service` LowCardinality(String),
    `check_name` LowCardinality(String),
    `reason` String,
    `latency` String,
    `day` Date,
    `group_id` UInt64,
    `row` UInt32
)
ENGINE = Distributed(`main`, `kymo`, service_health_local)

CREATE TABLE IF NOT EXISTS `kymo`.kymo_rollups
(
    `tier` UInt8 CODEC(Delta, ZSTD),
    `day` Date CODEC(Delta, ZSTD),
    `group_id` UInt64 CODEC(Delta, ZSTD),
    `level` UInt8 CODEC(Delta, ZSTD),
    `span` UInt32 CODEC(Delta, ZSTD),
    `service` LowCardinality(String),
    `endpoint` LowCardinality(String),
    `method` LowCardinality(String),
    `status_code` Int32 CODEC(ZSTD),
    `piece` UInt64 CODEC(Delta, ZSTD),
    `requests` UInt64 CODEC(ZSTD),
    `zeros` UInt64 CODEC(ZSTD),
    `sum_high` UInt64 CODEC(ZSTD),
    `sum_low` UInt64 CODEC(ZSTD),
    `least` Int64 CODEC(ZSTD),
    `most` Int64 CODEC(ZSTD),
    `bucketsMap.idx` Array(Int16) CODEC(ZSTD),
    `bucketsMap.cnt` Array(UInt64) CODEC(ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/kymo_rollups', '{replica}')
PARTITION BY (day, tier)
ORDER BY (group_id, level, span, service, endpoint, method, status_code, piece)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_drops
(
    `day` Date CODEC(Delta, ZSTD),
    `group_id` UInt64 CODEC(Delta, ZSTD),
    `service` LowCardinality(String),
    `at_ms` Int64 CODEC(Delta, ZSTD),
    `dropped` UInt64 CODEC(ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/kymo_drops', '{replica}')
PARTITION BY day
ORDER BY (at_ms)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_drop_reasons
(
    `day` Date CODEC(Delta, ZSTD),
    `group_id` UInt64 CODEC(Delta, ZSTD),
    `service` LowCardinality(String),
    `reason` UInt8 CODEC(ZSTD),
    `at_ms` Int64 CODEC(Delta, ZSTD),
    `dropped` UInt64 CODEC(ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/kymo_drop_reasons', '{replica}')
PARTITION BY day
ORDER BY (at_ms)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_batches
(
    `day` Date CODEC(Delta, ZSTD),
    `instance` LowCardinality(String),
    `sequence` UInt64 CODEC(Delta, ZSTD),
    `group_id` UInt64 CODEC(Delta, ZSTD),
    `hub` UInt64 CODEC(Delta, ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/kymo_batches', '{replica}')
PARTITION BY day
ORDER BY (instance, sequence)
SETTINGS index_granularity = 512

CREATE TABLE IF NOT EXISTS `kymo`.kymo_groups
(
    `day` Date CODEC(Delta, ZSTD),
    `state` UInt8 CODEC(Delta, ZSTD),
    `group_id` UInt64 CODEC(Delta, ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/kymo_groups', '{replica}')
PARTITION BY (day, state)
ORDER BY (group_id)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_seals
(
    `tier` UInt8 CODEC(Delta, ZSTD),
    `first` UInt32 CODEC(Delta, ZSTD),
    `past` UInt32 CODEC(Delta, ZSTD),
    `piece` UInt64 CODEC(Delta, ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/kymo_seals', '{replica}')
PARTITION BY tier
ORDER BY (first)

CREATE TABLE IF NOT EXISTS `kymo`.kymo_state
(
    `key` String CODEC(ZSTD),
    `value` Int64 CODEC(ZSTD)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/kymo/kymo_state', '{replica}')
PARTITION BY tuple()
ORDER BY (key)

CREATE TABLE IF NOT EXISTS `kymo`.kymo_documents
(
    `kind` LowCardinality(String),
    `name` String CODEC(ZSTD),
    `version` UInt64 CODEC(ZSTD),
    `deleted` UInt8 CODEC(ZSTD),
    `created_ms` Int64 CODEC(ZSTD),
    `updated_ms` Int64 CODEC(ZSTD),
    `body` String CODEC(ZSTD)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/kymo/kymo_documents', '{replica}', version)
PARTITION BY tuple()
ORDER BY (kind, name)

CREATE TABLE IF NOT EXISTS `kymo`.kymo_trusted
(
    `session` Int64
)
ENGINE = Memory
