-- What was dropped into which bucket, and what became of it. One row per version of a file.

CREATE TABLE ingestion.manifest (
    bucket        text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL,
    version       text COLLATE "C" NOT NULL,
    size_bytes    bigint           NOT NULL,
    uploaded_at   timestamptz      NOT NULL,
    policy        text             NOT NULL CHECK (policy IN ('replace', 'append', 'reject')),
    state         text             NOT NULL
        CHECK (state IN ('discovered', 'claimed', 'loaded', 'empty', 'failed', 'superseded', 'rejected')),
    discovered_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    changed_at    timestamptz      NOT NULL DEFAULT now(),
    attempts      integer          NOT NULL DEFAULT 0,
    token         bigint,
    lease_until   timestamptz,
    byte_offset   bigint           NOT NULL DEFAULT 0,
    next_line     bigint           NOT NULL DEFAULT 1,
    rows_read     bigint           NOT NULL DEFAULT 0,
    loaded        bigint           NOT NULL DEFAULT 0,
    quarantined   bigint           NOT NULL DEFAULT 0,
    duplicate     bigint           NOT NULL DEFAULT 0,
    reason        text,
    PRIMARY KEY (bucket, key, version),
    CHECK (state <> 'claimed' OR token IS NOT NULL AND lease_until IS NOT NULL),
    CHECK (state NOT IN ('loaded', 'empty') OR rows_read = loaded + quarantined + duplicate)
) WITH (fillfactor = 50);

CREATE INDEX manifest_waiting ON ingestion.manifest (bucket, uploaded_at, key) WHERE state IN ('discovered', 'claimed');

COMMENT ON COLUMN ingestion.manifest.version IS 'the version id where the bucket keeps versions, else the etag';
COMMENT ON COLUMN ingestion.manifest.uploaded_at IS 'as S3 says it; orders the versions of a key';
COMMENT ON COLUMN ingestion.manifest.token IS 'fencing token of the last claim: only its holder may write';
COMMENT ON COLUMN ingestion.manifest.byte_offset IS 'where to go on in the decoded content, saved with the rows before it';
COMMENT ON COLUMN ingestion.manifest.rows_read IS 'counted by the reader; the other three by what landed. A file is loaded only if they agree';
COMMENT ON COLUMN ingestion.manifest.loaded IS 'rows new or newer than what was there; duplicate: rows that changed nothing; quarantined: rows set aside';
