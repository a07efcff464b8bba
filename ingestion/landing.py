# Made from solutions/m01_rest/16_dead_letters.ipynb: edit it there.
"""Landing, the one door into the database: rows, rejects, position and ledger commit together, or not."""

import re
import struct
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from ingestion.errors import ContractViolationError, IngestionError
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import REFUSED_DATA, Connection, Door, said_by_postgres, transaction
from ingestion.store.dead_letters import park
from ingestion.store.run_ledger import Landed, Run

__all__ = ["land"]


_OPEN_STAGE = """
    CREATE TEMP TABLE IF NOT EXISTS ingestion_stage (
        source text COLLATE "C", stream text COLLATE "C", key text COLLATE "C",
        occurred_at timestamptz, content_hash bytea, payload text
    ) ON COMMIT DELETE ROWS;
    DELETE FROM ingestion_stage"""
_COPY = "COPY ingestion_stage FROM STDIN (FORMAT binary)"
_UPSERT = """
    WITH landed AS (
        INSERT INTO ingestion.records AS r (source, stream, key, payload, occurred_at, content_hash)
        SELECT DISTINCT ON (source, stream, key)
            source, stream, key, payload::jsonb, occurred_at, content_hash
        FROM ingestion_stage
        ORDER BY source, stream, key, occurred_at DESC, content_hash DESC
        ON CONFLICT (source, stream, key) DO UPDATE SET
            payload = excluded.payload, occurred_at = excluded.occurred_at,
            content_hash = excluded.content_hash, landed_at = excluded.landed_at
        WHERE (excluded.occurred_at, excluded.content_hash) > (r.occurred_at, r.content_hash)
        RETURNING r.xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM landed"""

# The binary COPY format: a header, then per row the number of fields, then each field after its length.
# Nothing is escaped and nothing is parsed as text: half the work of the text format, on both sides.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_FIELDS = 6
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_length = struct.Struct(">i").pack
_start_row = struct.Struct(">hi").pack
_instant_hash_and_length = struct.Struct(">iqi32si").pack
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class _RefusedError(IngestionError):
    """At least one of the rows cannot be stored."""


async def land(
    door: Door, batch: Batch, run: Run, *, max_rejected_share: float = 0.1, min_rejected: int = 10
) -> Landed:
    """Land a batch in one transaction: its rows, its rejects, its position, and its count in the ledger.

    - The newest version of a key wins, in whatever order versions arrive: by `occurred_at`, then by content
      hash. Landing a batch again changes nothing, and a row that did not change is not rewritten.
    - A record that Postgres refuses is parked with the reason; the others land.
    - A crash or a cancellation at any point leaves everything or nothing.
    - Landings of the same keys wait for each other; each takes its keys in one order, so they do not
      deadlock.

    On a connection with an open transaction this joins it, and commits with it.

    Args:
        door: A pool, or a connection.
        batch: What to land.
        run: Whose count to move.
        max_rejected_share: When more than this share of the batch is refused, and more than *min_rejected*
            items, it is no handful of bad rows but a changed schema: then nothing lands.
        min_rejected: How many refused items never stop a run, however small the batch.

    Raises:
        ContractViolationError: too many were refused.
        TransientError: Postgres is not available; landing the batch again is safe.
    """
    limit = max(min_rejected, max_rejected_share * (len(batch.records) + len(batch.rejects)))
    try:
        return await _land(door, batch, run, limit, _upsert)
    except _RefusedError:
        return await _land(door, batch, run, limit, _upsert_what_fits)


async def _land(door: Door, batch: Batch, run: Run, limit: float, upsert: "_Upsert") -> Landed:
    rejects = _Rejects(limit, batch.rejects)
    async with transaction(door) as connection:
        inserted, updated = await upsert(connection, batch.records, rejects) if batch.records else (0, 0)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        unchanged = len(batch.records) + len(batch.rejects) - inserted - updated - parked
        landed = Landed(inserted, updated, unchanged, parked)
        if batch.position is not None:
            await batch.position.save(connection)
        await run.add(connection, landed)
    return landed


class _Rejects:
    """The rejects of one batch, which end the run when they are too many."""

    def __init__(self, limit: float, known: Sequence[Reject]) -> None:
        self._limit = limit
        self.items: list[Reject] = []
        for reject in known:
            self.add(reject)

    def add(self, reject: Reject) -> None:
        self.items.append(reject)
        if len(self.items) > self._limit:
            raise ContractViolationError(
                f"more than {self._limit:g} items of one batch of {reject.source}.{reject.stream} cannot land,"
                f" so nothing of it did: has its schema changed? The first: {self.items[0].reason}"
            )


_Upsert = Callable[[Connection, Sequence[Record], _Rejects], Awaitable[tuple[int, int]]]


async def _upsert(connection: Connection, records: Sequence[Record], _: _Rejects) -> tuple[int, int]:
    """Upsert *records* and count the new and the changed; all of them, or `_RefusedError`."""
    rows = _encode(records)
    try:
        await connection.execute(_OPEN_STAGE)
        async with connection.cursor() as cursor:
            async with cursor.copy(_COPY) as copy:
                await copy.write(rows)
            await cursor.execute(_UPSERT)
            return await cursor.fetchone() or (0, 0)
    except REFUSED_DATA as error:
        raise _RefusedError(f"Postgres refuses the record: {said_by_postgres(error)}") from error


async def _upsert_what_fits(connection: Connection, records: Sequence[Record], rejects: _Rejects) -> tuple[int, int]:
    """Upsert the records that Postgres takes, reject the others: halve what it refuses until one is left."""
    inserted = updated = 0
    pieces = [sorted(enumerate(records), key=lambda item: (item[1].source, item[1].stream, item[1].key))]
    while pieces:
        piece = pieces.pop()
        try:
            async with connection.transaction():
                new, changed = await _upsert(connection, [record for _, record in piece], rejects)
        except _RefusedError as error:
            half = len(piece) // 2
            if half:
                pieces += [piece[half:], piece[:half]]
            else:
                [(ordinal, record)] = piece
                rejects.add(Reject(record.source, record.stream, record.payload, str(error), ordinal))
        else:
            inserted, updated = inserted + new, updated + changed
    return inserted, updated


def _encode(records: Sequence[Record]) -> bytes:
    """Spell *records* as a binary COPY.

    Raises:
        _RefusedError: a record that no row can hold: a naive instant, half a surrogate pair, a NUL character.
    """
    parts = [_HEADER]
    add = parts.append
    source = stream = None
    start = b""
    try:
        for record in records:
            if record.source != source or record.stream != stream:
                source, stream = record.source, record.stream
                start = _stream_fields(source, stream)
            key, age, payload = record.key.encode(), record.occurred_at - _EPOCH, record.payload
            microseconds = (age.days * 86_400 + age.seconds) * 1_000_000 + age.microseconds
            add(start)
            add(_length(len(key)))
            add(key)
            add(_instant_hash_and_length(8, microseconds, 32, record.content_hash, len(payload)))
            add(payload)
    except (TypeError, UnicodeEncodeError, struct.error) as error:
        raise _RefusedError(f"the record cannot be stored: {error}") from None
    add(_TRAILER)
    rows = b"".join(parts)
    if b"\\u0000" in rows and any(_NUL.search(record.payload) for record in records):
        raise _RefusedError("the record holds a NUL character, which jsonb cannot store")
    return rows


def _stream_fields(source: str, stream: str) -> bytes:
    source_bytes, stream_bytes = source.encode(), stream.encode()
    return _start_row(_FIELDS, len(source_bytes)) + source_bytes + _length(len(stream_bytes)) + stream_bytes
