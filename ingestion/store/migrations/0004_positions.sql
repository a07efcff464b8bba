-- How far each stream has been read. Written only in the transaction that lands the rows before the position.

CREATE TABLE ingestion.watermarks (
    source     text COLLATE "C" NOT NULL,
    stream     text COLLATE "C" NOT NULL,
    updated_at timestamptz      NOT NULL,
    key        text COLLATE "C" NOT NULL,
    saved_at   timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (source, stream)
) WITH (fillfactor = 50);

-- A place inside a listing that has no order in time: an offset, a page number, an opaque cursor.
CREATE TABLE ingestion.bookmarks (
    source   text COLLATE "C" NOT NULL,
    stream   text COLLATE "C" NOT NULL,
    place    text             NOT NULL,
    saved_at timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (source, stream)
) WITH (fillfactor = 50);
