-- What a request has besides: which release answered it, why it failed, and where to look for
-- what it did.
ALTER TABLE api_metrics
    ADD COLUMN version VARCHAR(64),
    ADD COLUMN error VARCHAR(100),
    ADD COLUMN trace_id UUID;

COMMENT ON COLUMN api_metrics.version IS 'The release of the service; NULL if unknown.';
COMMENT ON COLUMN api_metrics.error IS 'The class of the error, such as an exception''s name; NULL for none.';
COMMENT ON COLUMN api_metrics.trace_id IS 'The trace that the request is part of; NULL if unknown. Tracing systems write it without dashes.';
