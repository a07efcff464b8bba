-- Who is doing, or has done, a piece of work that must take effect once.

-- Fencing tokens are never given twice, not even to a key that was forgotten and came back.
CREATE SEQUENCE ingestion.fencing_tokens;

CREATE TABLE ingestion.idempotency_keys (
    scope       text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    body_hash   bytea            NOT NULL,
    state       text             NOT NULL CHECK (state IN ('in_flight', 'done', 'failed')),
    token       bigint           NOT NULL,
    lease_until timestamptz      NOT NULL,
    expires_at  timestamptz      NOT NULL,
    status_code integer,
    body        bytea,
    reason      text,
    PRIMARY KEY (scope, fingerprint),
    CHECK ((state = 'done') = (status_code IS NOT NULL AND body IS NOT NULL))
);

CREATE INDEX idempotency_keys_by_expiry ON ingestion.idempotency_keys (expires_at);

COMMENT ON COLUMN ingestion.idempotency_keys.scope IS 'the run, window or operation in which the fingerprint means one piece of work';
COMMENT ON COLUMN ingestion.idempotency_keys.token IS 'fencing token: only the claim that holds it may complete the work';
