-- Events that committed with the rows they tell of, until they are in Kafka. Rows are inserted and deleted, never updated.

CREATE SEQUENCE ingestion.outbox_positions AS bigint CACHE 1;  -- a larger cache would give positions out of order

-- Debezium's outbox router reads id, aggregatetype, aggregateid, type and payload.
CREATE TABLE ingestion.outbox (
    position      bigint      NOT NULL DEFAULT nextval('ingestion.outbox_positions'),
    created_at    timestamptz NOT NULL DEFAULT now(),
    occurred_at   timestamptz NOT NULL DEFAULT now(),
    id            uuid        NOT NULL DEFAULT uuidv7(),
    aggregatetype text COLLATE "C" NOT NULL,
    aggregateid   text COLLATE "C" NOT NULL,
    type          text COLLATE "C" NOT NULL,
    payload       bytea,
    PRIMARY KEY (position, created_at)
) PARTITION BY RANGE (created_at);

ALTER SEQUENCE ingestion.outbox_positions OWNED BY ingestion.outbox.position;

COMMENT ON COLUMN ingestion.outbox.position IS 'order of the events of one key, and the position of the exactly-once relay';
COMMENT ON COLUMN ingestion.outbox.id IS 'identity of the event: the same in every copy of it that a consumer may see';
COMMENT ON COLUMN ingestion.outbox.payload IS 'the value of the message, byte for byte; null only where a tombstone is meant';

-- Names this outbox in Kafka, so that the position of another database is never taken for its own.
CREATE TABLE ingestion.outbox_identity (
    id       uuid    NOT NULL DEFAULT gen_random_uuid(),
    only_one boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (only_one)
);
INSERT INTO ingestion.outbox_identity DEFAULT VALUES;

-- The net under the days: nobody has to make a partition before the first event of the day can be written.
CREATE TABLE ingestion.outbox_other PARTITION OF ingestion.outbox DEFAULT;

-- Make the partition of one UTC day, which must lie ahead: a writer on its way into the default partition with a row of
-- that day would be refused. False when it is there, or when the default partition holds rows of that day.
CREATE FUNCTION ingestion.make_outbox_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    name  text        := 'outbox_' || to_char(day, 'YYYYMMDD');
    since timestamptz := day::timestamp AT TIME ZONE 'UTC';
    until timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass('ingestion.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE ingestion.%I (LIKE ingestion.outbox INCLUDING ALL)', name);
    EXECUTE format('ALTER TABLE ingestion.outbox ATTACH PARTITION ingestion.%I FOR VALUES FROM (%L) TO (%L)', name, since, until);
    RETURN true;
EXCEPTION WHEN check_violation THEN
    RETURN false;
END $$;

SELECT ingestion.make_outbox_partition((now() AT TIME ZONE 'UTC')::date + day) FROM generate_series(0, 3) AS day;

-- Events that Kafka refuses, with its reason, until someone redrives them.
CREATE TABLE ingestion.outbox_dead (
    id            uuid             PRIMARY KEY,
    position      bigint           NOT NULL,
    created_at    timestamptz      NOT NULL,
    occurred_at   timestamptz      NOT NULL,
    aggregatetype text COLLATE "C" NOT NULL,
    aggregateid   text COLLATE "C" NOT NULL,
    type          text COLLATE "C" NOT NULL,
    payload       bytea,
    topic         text             NOT NULL,
    reason        text             NOT NULL,
    died_at       timestamptz      NOT NULL DEFAULT now()
);

CREATE INDEX outbox_dead_by_position ON ingestion.outbox_dead (position);
