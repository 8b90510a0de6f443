CREATE TABLE service_health (
    health_id    UUID NOT NULL DEFAULT gen_random_uuid(),
    service_name VARCHAR(100) NOT NULL,
    status       VARCHAR(20) NOT NULL,
    details      JSONB,
    checked_at   TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    began_at     TIMESTAMP,
    failures     BIGINT,
    instance_id  BIGINT,
    flapping     BOOLEAN NOT NULL DEFAULT false,
    critical     BOOLEAN NOT NULL DEFAULT false,
    service      VARCHAR(100),
    check_name   VARCHAR(100),
    reason       TEXT,
    details_text TEXT,
    latency      BYTEA,
    PRIMARY KEY (checked_at, health_id)
) PARTITION BY RANGE (checked_at);

CREATE INDEX idx_service_health_checked ON service_health (checked_at DESC);
CREATE INDEX idx_service_health_name ON service_health (service_name, checked_at DESC);

COMMENT ON TABLE service_health IS 'What checks found: a row for each span of at most an hour in which the status did not change, a partition a day (UTC).';
COMMENT ON COLUMN service_health.service_name IS 'A check of the hub, a service, or service/check.';
COMMENT ON COLUMN service_health.checked_at IS 'The last run in the span, UTC.';
COMMENT ON COLUMN service_health.began_at IS 'The beginning of the span, UTC. NULL in a row that Kymo did not write.';
COMMENT ON COLUMN service_health.failures IS 'Runs in the span that were not healthy.';
COMMENT ON COLUMN service_health.reason IS 'Why the last run that was not healthy was not.';
COMMENT ON COLUMN service_health.details_text IS 'The details as they were given, where JSONB says them otherwise.';
COMMENT ON COLUMN service_health.latency IS 'The histogram of the runs'' durations.';
