-- What people and programs gave to the hub, such as checks. It is not measured, and does
-- not grow old.
CREATE TABLE kymo_documents (
    kind       TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    body       JSON NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (kind, name)
);

COMMENT ON TABLE kymo_documents IS 'What was added over the API, such as checks. It may hold passwords.';
COMMENT ON COLUMN kymo_documents.created_at IS 'UTC, as is updated_at.';
