# Made from solutions/m02_push/08_landing.ipynb: edit it there.
"""Landing, the one door into the database: rows, events, rejects, position and ledger commit together, or not."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Literal

from psycopg.errors import UntranslatableCharacter

from ingestion.errors import ContractViolationError, IngestionError
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import REFUSED_DATA, Connection, Door, said_by_postgres, transaction
from ingestion.store.dead_letters import park
from ingestion.store.run_ledger import Landed, Run, Tally

__all__ = [
    "Change",
    "RefusedError",
    "Rejects",
    "Versions",
    "change_rows",
    "change_what_fits",
    "changes_sql",
    "columns_of",
    "land",
    "land_together",
    "landed_sql",
]


class RefusedError(IngestionError):
    """At least one of the rows cannot be stored."""


Versions = Literal["newest", "first"]
"""Which version of a key stays: the newest (rows that change), or the first that came (events, which never change)."""

# One array a column: one statement whatever the number of rows, and no temporary table to make, fill and empty. To a
# short array `unnest` adds nulls, so a batch of one stream names it once.
_BATCH = """
    batch AS MATERIALIZED (
        SELECT DISTINCT ON (source, stream, key) *
        FROM (
            SELECT coalesce(source, %b::text) COLLATE "C" AS source, coalesce(stream, %b::text) COLLATE "C" AS stream,
                   key COLLATE "C", occurred_at, content_hash, payload
            FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::bytea[], %b::bytea[])
                AS item (source, stream, key, occurred_at, content_hash, payload)
        ) AS item
        ORDER BY source, stream, key, occurred_at DESC, content_hash DESC
    )"""


def columns_of(records: Sequence[Record], versions: Versions) -> list[Any]:
    """Give *records* as the parameters of `changes_sql`; of copies of a key, only the first where the first stays.

    Raises:
        RefusedError: an instant without a time zone, which the server would take for one of its own zone.
    """
    if versions == "first":
        records = list({(r.source, r.stream, r.key): r for r in reversed(records)}.values())
    if None in [record.occurred_at.utcoffset() for record in records]:
        raise RefusedError("its occurred_at names no time zone")
    streams = {(record.source, record.stream) for record in records}
    source, stream = streams.pop() if len(streams) == 1 else (None, None)
    return [
        source,
        stream,
        [] if source is not None else [record.source for record in records],
        [] if source is not None else [record.stream for record in records],
        [record.key for record in records],
        [record.occurred_at for record in records],
        [record.content_hash for record in records],
        [record.payload for record in records],
    ]


def landed_sql(versions: Versions) -> str:
    """Give the statement that changes rows: from `batch`, returning `source, stream, key, is_new` of each change.

    A row comes back if it was inserted (`is_new`) or replaced by a newer version, and only then; no other is written.
    Newer is the later `occurred_at`; at one instant, the greater `content_hash`. A replaced row is wholly the new one,
    `landed_at` included. With `"first"`, a key that is there is never touched.

    Rows are written in the order of (source, stream, key): landings of the same keys wait, and do not deadlock.
    """
    insert = """
        INSERT INTO ingestion.records AS r (source, stream, key, payload, occurred_at, content_hash)
        SELECT source, stream, key, convert_from(payload, 'UTF8')::jsonb, occurred_at, content_hash
        FROM batch ORDER BY source, stream, key
        ON CONFLICT (source, stream, key) """
    update = """DO UPDATE SET
            payload = excluded.payload, occurred_at = excluded.occurred_at,
            content_hash = excluded.content_hash, landed_at = excluded.landed_at
        WHERE (excluded.occurred_at, excluded.content_hash) > (r.occurred_at, r.content_hash)"""
    returning = " RETURNING r.source, r.stream, r.key, old.key IS NULL AS is_new"
    return insert + (update if versions == "newest" else "DO NOTHING") + returning


# The payload goes on as it was read: jsonb would spell it otherwise. An event takes its position after its row is
# locked, so a key's events are in the order of its versions. Ids are version 7, one drawn a batch and then counted up
# (RFC 9562, 6.2): drawing one a row would cost as much as writing it.
_TOLD = """
    told AS (
        INSERT INTO ingestion.outbox (id, aggregatetype, aggregateid, type, occurred_at, payload)
        SELECT overlay((SELECT uuidv7()::text) PLACING lpad(to_hex(row_number() OVER ()), 8, '0') FROM 29)::uuid,
               source || '.' || stream, source || '.' || stream || '/' || key,
               CASE WHEN is_new THEN 'inserted' ELSE 'updated' END, occurred_at, payload
        FROM (SELECT * FROM landed JOIN batch USING (source, stream, key) ORDER BY source, stream, key) AS changed
    )"""
_COUNT = "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM landed"


def changes_sql(versions: Versions) -> str:
    """Give a `WITH` chain that writes rows and their events, for a `SELECT` from its `landed` to end.

    Its parameters are those of `columns_of`, in that order.
    """
    return f"WITH {_BATCH}, landed AS ({landed_sql(versions)}), {_TOLD}"


Change = Callable[[Connection, Sequence[Record]], Awaitable[tuple[int, int]]]
"""Writes records and their events, all or none of them; gives how many were new, and how many replaced another."""


async def change_rows(connection: Connection, records: Sequence[Record], *, versions: Versions) -> tuple[int, int]:
    """Write *records* and an event for each row that is new or has changed, in one statement; count both kinds.

    Raises:
        RefusedError: Postgres cannot store one of them; the transaction is broken.
    """
    try:
        result = await connection.execute(f"{changes_sql(versions)} {_COUNT}", columns_of(records, versions))
        return await result.fetchone() or (0, 0)
    except UntranslatableCharacter as error:
        raise RefusedError("the record holds a NUL character, which jsonb cannot store") from error
    except REFUSED_DATA as error:
        raise RefusedError(f"Postgres refuses the record: {said_by_postgres(error)}") from error
    except UnicodeEncodeError as error:
        raise RefusedError(f"the record cannot be stored: {error}") from None


class Rejects:
    """The rejects of one batch, which end the run when they are too many."""

    def __init__(self, limit: float, known: Sequence[Reject] = ()) -> None:
        self._limit = limit
        self.items: list[Reject] = []
        for reject in known:
            self.add(reject)

    def add(self, reject: Reject) -> None:
        """Take one more.

        Raises:
            ContractViolationError: these are no longer a handful of bad rows.
        """
        self.items.append(reject)
        if len(self.items) > self._limit:
            raise ContractViolationError(
                f"more than {self._limit:g} items of one batch of {reject.source}.{reject.stream} cannot land,"
                f" so nothing of it did: has its schema changed? The first: {self.items[0].reason}"
            )


async def change_what_fits(
    connection: Connection, records: Sequence[Record], rejects: Rejects, change: Change
) -> tuple[int, int]:
    """Write the records that Postgres takes and reject the others, in the transaction open on *connection*.

    What is refused is halved until one is left: among 512 records a single bad one costs 19 tries, and no more.
    Each try has a savepoint of its own, so what was refused leaves nothing. Records are tried in the order of
    (source, stream, key), as everywhere. A reject has the record's payload, the reason it was refused for, and as
    its ordinal its place in *records*.

    Returns:
        How many were new, and how many replaced another.
    """
    inserted = updated = 0
    pieces = [sorted(enumerate(records), key=lambda item: (item[1].source, item[1].stream, item[1].key))]
    while pieces:
        piece = pieces.pop()
        try:
            async with connection.transaction():
                new, changed = await change(connection, [record for _, record in piece])
        except RefusedError as error:
            half = len(piece) // 2
            if half:
                pieces += [piece[half:], piece[:half]]
            else:
                [(ordinal, record)] = piece
                rejects.add(Reject(record.source, record.stream, record.payload, str(error), ordinal))
        else:
            inserted, updated = inserted + new, updated + changed
    return inserted, updated


async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    """Do everything that a batch means in one transaction on *door*, and say what became of it.

    The records are changed, the rejects parked under the run's schema version, and the position saves itself. Then the
    batch is counted: by the position, if it is a `Tally`, and by the run, last, since all who share a run wait for its
    row. Whatever is neither inserted nor updated nor newly parked is unchanged. *change* may add to *rejects*; it is
    not called without records.
    """
    async with transaction(door) as connection:
        inserted, updated = await change(connection, batch.records) if batch.records else (0, 0)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        unchanged = len(batch.records) + len(batch.rejects) - inserted - updated - parked
        landed = Landed(inserted, updated, unchanged, parked)
        if batch.position is not None:
            await batch.position.save(connection)
        if isinstance(batch.position, Tally):
            await batch.position.add(connection, landed)
        await run.add(connection, landed)
    return landed


async def land(
    door: Door,
    batch: Batch,
    run: Run,
    *,
    versions: Versions = "newest",
    max_rejected_share: float = 0.1,
    min_rejected: int = 10,
) -> Landed:
    """Land a batch in one transaction: its rows, their events, its rejects, its position, its count in the ledger.

    - The newest version of a key wins, in whatever order versions arrive: by `occurred_at`, then by content
      hash. Landing a batch again changes nothing, and a row that did not change is not rewritten.
    - Each row that is new or has changed is one event in the outbox, and each key's events are in the order in
      which its versions landed; nothing else makes an event. Nobody is woken: relays poll, or are rung for after the
      commit.
    - A record that Postgres refuses is parked with the reason; the others land.
    - A crash or a cancellation at any point leaves everything or nothing.
    - Landings of the same keys wait for each other; each takes its keys in one order, so they do not
      deadlock.

    On a connection with an open transaction this joins it, and commits with it.

    Args:
        door: A pool, or a connection.
        batch: What to land.
        run: Whose count to move.
        versions: `"first"` for what never changes, such as events: then whoever comes first stays, in the batch and in
            the table, and every copy is `unchanged`, whatever it says. Of any number who land one key at the same
            time, one inserts it; if that one rolls back, another does.
        max_rejected_share: When more than this share of the batch is refused, and more than *min_rejected*
            items, it is no handful of bad rows but a changed schema: then nothing lands.
        min_rejected: How many refused items never stop a run, however small the batch.

    Raises:
        ContractViolationError: too many were refused.
        TransientError: Postgres is not available; landing the batch again is safe.
    """
    limit = max(min_rejected, max_rejected_share * (len(batch.records) + len(batch.rejects)))
    change = partial(change_rows, versions=versions)
    try:
        return await land_together(door, batch, run, Rejects(limit, batch.rejects), change)
    except RefusedError:
        rejects = Rejects(limit, batch.rejects)
        piecemeal = partial(change_what_fits, rejects=rejects, change=change)
        return await land_together(door, batch, run, rejects, piecemeal)
