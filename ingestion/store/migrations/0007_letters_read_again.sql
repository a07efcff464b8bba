-- What it takes to read a letter again on its own, where its bytes alone do not say it: a row of a file, for example.
ALTER TABLE ingestion.dead_letters
    ADD COLUMN form    text  NOT NULL DEFAULT '',
    ADD COLUMN context bytea NOT NULL DEFAULT '',
    ADD COLUMN origin  text  NOT NULL DEFAULT '';

COMMENT ON COLUMN ingestion.dead_letters.form IS 'how raw is read again, where its stream knows more than one way: csv, json, parquet';
COMMENT ON COLUMN ingestion.dead_letters.context IS 'what that takes besides raw: the header of a CSV file; a row of a Parquet file as an Arrow stream';
COMMENT ON COLUMN ingestion.dead_letters.origin IS 'the file it came in, and where it stands there';
COMMENT ON COLUMN ingestion.dead_letters.fingerprint IS 'SHA-256 over source, stream and the whole raw bytes, and over form and context where there are any: what was parked once is parked once';
COMMENT ON COLUMN ingestion.manifest.quarantined IS 'rows set aside; one that is redriven later stays counted here, and counts as landed in its redrive''s run';
