CREATE TABLE IF NOT EXISTS `kymo`.api_metrics
(
    `metric_id` UUID ALIAS toUUID(UUIDNumToString(MD5(concat(toString(group_id), '/', toString(row))))),
    `endpoint` String,
    `method` String,
    `response_time_ms` Int32,
    `status_code` Int32,
    `user_id` Nullable(String),
    `created_at` DateTime('UTC'),
    `created_ms` UInt16,
    `service` String,
    `duration_ns` Int64,
    `first_byte_ns` Int64,
    `lifetime_ns` Int64,
    `response_bytes` Int64,
    `instance` String,
    `bucket` Int16,
    `span` UInt32,
    `day` Date,
    `group_id` UInt64,
    `row` UInt32,
    `version` String,
    `error` String,
    `trace_id` String
)
ENGINE = MergeTree()
PARTITION BY day
ORDER BY (span, service, endpoint, method, status_code, created_at)

CREATE TABLE IF NOT EXISTS `kymo`.service_health
(
    `health_id` UUID ALIAS toUUID(UUIDNumToString(MD5(concat('health/', toString(group_id), '/', toString(row))))),
    `service_name` String,
    `status` String,
    `details` String,
    `checked_at` DateTime('UTC'),
    `checked_ms` UInt16,
    `began_ms` Int64,
    `failures` UInt64,
    `instance` String,
    `flapping` UInt8,
    `critical` UInt8,
    `service` String,
    `check_name` String,
    `reason` String,
    `latency` String,
    `day` Date,
    `group_id` UInt64,
    `row` UInt32
)
ENGINE = MergeTree()
PARTITION BY day
ORDER BY (service_name, checked_at)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_rollups
(
    `tier` UInt8,
    `day` Date,
    `group_id` UInt64,
    `level` UInt8,
    `span` UInt32,
    `service` String,
    `endpoint` String,
    `method` String,
    `status_code` Int32,
    `piece` UInt64,
    `requests` UInt64,
    `zeros` UInt64,
    `sum_high` UInt64,
    `sum_low` UInt64,
    `least` Int64,
    `most` Int64,
    `bucketsMap.idx` Array(Int16),
    `bucketsMap.cnt` Array(UInt64)
)
ENGINE = MergeTree()
PARTITION BY (day, tier)
ORDER BY (group_id, level, span, service, endpoint, method, status_code, piece)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_drops
(
    `day` Date,
    `group_id` UInt64,
    `service` String,
    `at_ms` Int64,
    `dropped` UInt64
)
ENGINE = MergeTree()
PARTITION BY day
ORDER BY (at_ms)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_drop_reasons
(
    `day` Date,
    `group_id` UInt64,
    `service` String,
    `reason` UInt8,
    `at_ms` Int64,
    `dropped` UInt64
)
ENGINE = MergeTree()
PARTITION BY day
ORDER BY (at_ms)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_batches
(
    `day` Date,
    `instance` String,
    `sequence` UInt64,
    `group_id` UInt64,
    `hub` UInt64
)
ENGINE = MergeTree()
PARTITION BY day
ORDER BY (instance, sequence)
SETTINGS index_granularity = 512

CREATE TABLE IF NOT EXISTS `kymo`.kymo_groups
(
    `day` Date,
    `state` UInt8,
    `group_id` UInt64
)
ENGINE = MergeTree()
PARTITION BY (day, state)
ORDER BY (group_id)
SETTINGS index_granularity = 1024

CREATE TABLE IF NOT EXISTS `kymo`.kymo_seals
(
    `tier` UInt8,
    `first` UInt32,
    `past` UInt32,
    `piece` UInt64
)
ENGINE = MergeTree()
PARTITION BY tier
ORDER BY (first)

CREATE TABLE IF NOT EXISTS `kymo`.kymo_state
(
    `key` String,
    `value` Int64
)
ENGINE = MergeTree()
PARTITION BY tuple()
ORDER BY (key)

CREATE TABLE IF NOT EXISTS `kymo`.kymo_documents
(
    `kind` String,
    `name` String,
    `version` UInt64,
    `deleted` UInt8,
    `created_ms` Int64,
    `updated_ms` Int64,
    `body` String
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY tuple()
ORDER BY (kind, name)

