CREATE TABLE api_metrics (
    metric_id        UUID NOT NULL DEFAULT gen_random_uuid(),
    endpoint         VARCHAR(255) NOT NULL,
    method           VARCHAR(10) NOT NULL,
    response_time_ms INT NOT NULL,
    status_code      INT NOT NULL,
    user_id          VARCHAR(255),
    created_at       TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    duration_ns      BIGINT,
    first_byte_ns    BIGINT,
    lifetime_ns      BIGINT,
    response_bytes   BIGINT,
    instance_id      BIGINT,
    service          VARCHAR(100),
    PRIMARY KEY (created_at, metric_id)
) PARTITION BY RANGE (created_at);

CREATE INDEX idx_api_metrics_endpoint ON api_metrics (endpoint, created_at DESC);

COMMENT ON TABLE api_metrics IS 'Every request, a partition a day (UTC). Reports are made from kymo_pages, not from here: rows that others insert are not counted.';
COMMENT ON COLUMN api_metrics.metric_id IS 'Of version 7: it begins with the milliseconds of created_at.';
COMMENT ON COLUMN api_metrics.endpoint IS 'The route template, never a raw path.';
COMMENT ON COLUMN api_metrics.created_at IS 'When the request started, UTC.';
COMMENT ON COLUMN api_metrics.duration_ns IS 'What response_time_ms rounds. NULL in a row that Kymo did not write.';
COMMENT ON COLUMN api_metrics.first_byte_ns IS 'The time until the response header was written; NULL if it was not measured.';
COMMENT ON COLUMN api_metrics.lifetime_ns IS 'Of a stream or an upgraded connection, the time until it ended; else NULL.';
COMMENT ON COLUMN api_metrics.response_bytes IS 'Bytes of the response body; NULL for none.';
COMMENT ON COLUMN api_metrics.instance_id IS 'Which process of the service, in kymo_instances.';

-- The processes that sent something, and the numbers of the batches of each that
-- were kept, as package seen writes them.
CREATE TABLE kymo_instances (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL UNIQUE,
    numbers BYTEA NOT NULL DEFAULT '',
    seen_at TIMESTAMP NOT NULL
) WITH (fillfactor = 60);

-- A series has a number, by which pages name it. Those of dropped requests have
-- a service only.
CREATE TABLE kymo_series (
    id       INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service  VARCHAR(100) NOT NULL,
    endpoint VARCHAR(255) NOT NULL,
    method   VARCHAR(10) NOT NULL,
    status   INT NOT NULL,
    UNIQUE (service, endpoint, method, status)
);

-- What reports are made of. Level 0 holds start, series and duration of each
-- request in five minutes (details.go); levels 1 to 3 hold the histograms of all
-- series in five minutes, an hour and a day (package page). start numbers these
-- spans since the Unix epoch. Rows of one level and start add up; from time to
-- time several become one.
CREATE TABLE kymo_pages (
    level SMALLINT NOT NULL,
    start BIGINT NOT NULL,
    id    BIGINT GENERATED ALWAYS AS IDENTITY,
    page  BYTEA NOT NULL,
    PRIMARY KEY (level, start, id)
);
ALTER TABLE kymo_pages ALTER COLUMN page SET STORAGE EXTERNAL;

-- Numbers that all hubs share: 'pruned' is the instant (Unix ms) before which
-- everything is forgotten.
CREATE TABLE kymo_state (
    key   TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
