# Made from solutions/m01_rest/17_watermarks.ipynb: edit it there.
"""Positions of a stream, and the lease that lets one run at a time move them."""

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec
import psycopg
from psycopg.pq import TransactionStatus

from ingestion.errors import TransientError
from ingestion.record import Record
from ingestion.store.database import Connection, transaction

__all__ = [
    "Bookmark",
    "SourceBusyError",
    "Watermark",
    "advance",
    "hold_source",
    "holder_of",
    "lock_id",
    "store_if_later",
    "take_source",
    "upper_bound",
]


class Watermark(msgspec.Struct, frozen=True):
    """How far a stream is known to be complete: up to the row (`updated_at`, `key`), in the source's order.

    What is stored is the truth about what has landed. Overlap and lag are applied when it is read.

    Raises:
        ValueError: `updated_at` names no time zone. It is kept in UTC, so that two watermarks compare as
            instants.
    """

    source: str
    stream: str
    updated_at: datetime
    key: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "updated_at", _instant(self.updated_at))

    @classmethod
    async def load(cls, connection: Connection, source: str, stream: str) -> Self | None:
        """Load the watermark of a stream; None when nothing of it has landed yet."""
        statement = "SELECT updated_at, key FROM ingestion.watermarks WHERE source = %s AND stream = %s"
        row = await (await connection.execute(statement, [source, stream])).fetchone()
        return None if row is None else cls(source, stream, *row)

    async def save(self, connection: Connection) -> None:
        """Store this watermark unless a later one is there, in the transaction open on *connection*."""
        await store_if_later(connection, self)

    def since(self, lookback_s: float) -> datetime:
        """Give the instant to query from, inclusive: *lookback_s* before this, for rows committed late.

        Raises:
            ValueError: *lookback_s* is negative: it would skip rows.
        """
        if not lookback_s >= 0:
            raise ValueError(f"a lookback of {lookback_s} s would skip rows: want 0 or more")
        return _before(self.updated_at, lookback_s)

    def advanced(self, records: Iterable[Record], *, until: datetime) -> "Watermark":
        """Give the watermark after *records*, as `advance` does."""
        return advance(self, records, until)


def _instant(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} names no time zone, so it is no instant")
    return moment.astimezone(UTC)


def _before(moment: datetime, seconds: float) -> datetime:
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    """Give the mark after *records*: the latest of them or *mark*, whichever is later. No records: no move.

    A row dated after *until*, the upper bound of the query, moves the mark to *until* and no further, with
    no key: one row from the year 2099 must not make the stream skip everything before 2099.

    Args:
        mark: The mark before.
        records: In any order; read once.
        until: An instant.
    """
    latest = max(((_instant(record.occurred_at), len(record.key), record.key) for record in records), default=None)
    if latest is None:
        return mark
    at, _, key = latest
    reached = Watermark(mark.source, mark.stream, *((until, "") if at > until else (at, key)))
    return max(mark, reached, key=lambda each: (each.updated_at, len(each.key), each.key))


def upper_bound(server_now: datetime, *, lag_s: float) -> datetime:
    """Give the instant up to which a query may ask: *lag_s* before the server's own clock (its `Date`).

    Rows younger than that may still be invisible, with others of the same instant already visible.

    Raises:
        ValueError: a negative lag, or a *server_now* without a time zone.
    """
    if not lag_s >= 0:
        raise ValueError(f"a lag of {lag_s} s would ask for the future: want 0 or more")
    return _before(_instant(server_now), lag_s)


async def store_if_later(connection: Connection, mark: Watermark) -> None:
    """Store *mark* unless a later one is there, in the transaction open on *connection*; never commits.

    The stored mark never moves back, whatever is saved in whatever order, by whom, at the same time. The
    later instant is later. Among equal instants the longer key is later, and among keys of one length the
    alphabet decides: the order of whole numbers, and of ids of one length.
    """
    statement = """
        INSERT INTO ingestion.watermarks AS w (source, stream, updated_at, key) VALUES (%s, %s, %s, %s)
        ON CONFLICT (source, stream) DO UPDATE SET
            updated_at = excluded.updated_at, key = excluded.key, saved_at = now()
        WHERE (excluded.updated_at, length(excluded.key), excluded.key)
            > (w.updated_at, length(w.key), w.key)"""
    await connection.execute(statement, [mark.source, mark.stream, mark.updated_at, mark.key])


class SourceBusyError(TransientError):
    """Another run holds this stream; it is free again when that run ends, however it ends."""


def lock_id(source: str, stream: str) -> int:
    """Give the number of a stream's advisory lock: 64 bits that no other pair of names shares."""
    name = f"ingestion.source:{len(source)}:{source}:{stream}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


_HOLDER = """
    SELECT l.pid, a.application_name FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND ((l.classid::bigint << 32) | l.objid::bigint) = %s"""


async def holder_of(connection: Connection, lock: int) -> str | None:
    """Say which session holds an advisory lock, this one included; None if nobody does."""
    row = await (await connection.execute(_HOLDER, [lock])).fetchone()
    return None if row is None else f"process {row[0]} ({row[1] or 'unnamed'})"


async def take_source(connection: Connection, source: str, stream: str) -> int:
    """Take the lease on a stream for the session behind *connection*, and give the lock's number.

    Answers at once. The lease outlives the transactions of the session, and leaves none open; the session's
    end ends it.

    Raises:
        SourceBusyError: another session holds the stream, or this one does already; the message names the
            stream and the holder.
    """
    lock = lock_id(source, stream)
    async with transaction(connection):
        # Postgres grants a session its own lock a second time, so this session has to be refused by hand.
        holder = await holder_of(connection, lock)
        if holder is None:
            row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [lock])).fetchone()
            if row is not None and row[0]:
                return lock
            holder = await holder_of(connection, lock) or "another run"
    raise SourceBusyError(f"{source}.{stream} is being read by {holder}: wait for it, or stop it")


@asynccontextmanager
async def hold_source(connection: Connection, source: str, stream: str) -> AsyncIterator[None]:
    """Hold a stream for one run, through the session behind *connection*.

    Land through the same connection: a session that is lost loses the lease and the means to land together.
    The lease needs no time-out and no clean-up: Postgres drops it when the session ends, killed or not. It
    needs a session: a pooler in transaction mode breaks it.

    Raises:
        SourceBusyError: another run, or this session, holds the stream already.
    """
    lock = await take_source(connection, source, stream)
    try:
        yield
    finally:
        await _free(connection, lock)


async def _free(connection: Connection, lock: int) -> None:
    try:
        if connection.info.transaction_status != TransactionStatus.IDLE:
            await connection.rollback()
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_unlock(%s)", [lock])
    except psycopg.Error:
        await connection.close()  # the session ends, and the lease with it


class Bookmark(msgspec.Struct, frozen=True):
    """A place inside a listing without an order in time: an offset, a page number, an opaque cursor.

    It is kept as it came. None says that the listing was read to its end: the next run starts over.
    """

    source: str
    stream: str
    place: str | None

    @classmethod
    async def load(cls, connection: Connection, source: str, stream: str) -> Self | None:
        """Load the place where an unfinished run of the stream stopped; None when there is none."""
        statement = "SELECT place FROM ingestion.bookmarks WHERE source = %s AND stream = %s"
        row = await (await connection.execute(statement, [source, stream])).fetchone()
        return None if row is None else cls(source, stream, row[0])

    async def save(self, connection: Connection) -> None:
        """Store this place, in the transaction open on *connection*; the last one saved stands."""
        if self.place is None:
            statement = "DELETE FROM ingestion.bookmarks WHERE source = %s AND stream = %s"
            await connection.execute(statement, [self.source, self.stream])
            return
        statement = """
            INSERT INTO ingestion.bookmarks (source, stream, place) VALUES (%s, %s, %s)
            ON CONFLICT (source, stream) DO UPDATE SET place = excluded.place, saved_at = now()"""
        await connection.execute(statement, [self.source, self.stream, self.place])
