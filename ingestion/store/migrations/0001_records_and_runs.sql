-- What landed, and which run landed it.

-- One row per key, always its newest version. The primary key is the only index: every further one would be written
-- with every row, and would stop updates from staying on their page (fillfactor leaves them room there).
CREATE TABLE ingestion.records (
    source       text COLLATE "C" NOT NULL,
    stream       text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    payload      jsonb            NOT NULL,
    occurred_at  timestamptz      NOT NULL,
    content_hash bytea            NOT NULL,
    landed_at    timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (source, stream, key)
) WITH (fillfactor = 90);

COMMENT ON COLUMN ingestion.records.occurred_at IS 'when the source last changed the row';
COMMENT ON COLUMN ingestion.records.content_hash IS 'SHA-256 of the canonical JSON as it was read; jsonb may spell it otherwise';

-- The run ledger: one row per run, its counts moved in the transactions that land its batches.
CREATE TABLE ingestion.runs (
    id             uuid        PRIMARY KEY,
    source         text        NOT NULL,
    stream         text        NOT NULL,
    schema_version text        NOT NULL DEFAULT '',
    status         text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed')),
    started_at     timestamptz NOT NULL,
    landed_at      timestamptz,
    finished_at    timestamptz,
    batches        bigint      NOT NULL DEFAULT 0,
    inserted       bigint      NOT NULL DEFAULT 0,
    updated        bigint      NOT NULL DEFAULT 0,
    unchanged      bigint      NOT NULL DEFAULT 0,
    parked         bigint      NOT NULL DEFAULT 0,
    error          text
) WITH (fillfactor = 50);

CREATE INDEX runs_of_a_stream ON ingestion.runs (source, stream, started_at DESC);

COMMENT ON COLUMN ingestion.runs.landed_at IS 'when its last batch committed; null while nothing has';
