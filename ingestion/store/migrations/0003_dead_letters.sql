-- Items that could not land, with the bytes as they came, until someone redrives them.

CREATE TABLE ingestion.dead_letters (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint    bytea            NOT NULL UNIQUE,
    source         text COLLATE "C" NOT NULL,
    stream         text COLLATE "C" NOT NULL,
    raw            bytea            NOT NULL,
    raw_size_bytes bigint           NOT NULL,
    reason         text             NOT NULL,
    ordinal        bigint           NOT NULL,
    schema_version text             NOT NULL,
    state          text             NOT NULL CHECK (state IN ('parked', 'redriven', 'quarantined')),
    attempts       integer          NOT NULL DEFAULT 0,
    parked_at      timestamptz      NOT NULL DEFAULT now(),
    changed_at     timestamptz      NOT NULL DEFAULT now()
);

CREATE INDEX dead_letters_waiting ON ingestion.dead_letters (source, stream, attempts, parked_at, ordinal) WHERE state = 'parked';

COMMENT ON COLUMN ingestion.dead_letters.fingerprint IS 'SHA-256 over source, stream and the whole raw bytes: what was parked once is parked once';
COMMENT ON COLUMN ingestion.dead_letters.raw_size_bytes IS 'more than octet_length(raw) when the item was too large to keep whole';
COMMENT ON COLUMN ingestion.dead_letters.ordinal IS 'its place in the page, file or delivery it was first seen in';
