# Made from solutions/m02_push/12_relay.ipynb: edit it there.
"""The outbox's days: partitions are made ahead and dropped when they are empty, and their bloat goes with them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import errors as pg

from ingestion.errors import IngestionError
from ingestion.store.database import Connection, Door, transaction

__all__ = ["drop_drained_days", "keep_house", "logger", "make_days"]


logger = logging.getLogger(__name__)

_INTERVAL_S = 600.0

# Both need the table for a moment; a writer in the way is not waited for, the next time will do.
_PATIENCE = "SET LOCAL lock_timeout = '200ms'"
_MAKE = """
    SELECT count(*) FILTER (
        WHERE ingestion.make_outbox_partition(((now() + interval '1 hour') AT TIME ZONE 'UTC')::date + day))
    FROM generate_series(1, %b::int4) AS day"""
_OLD_DAYS = """
    SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'ingestion.outbox'::regclass AND c.relname ~ '^outbox_[0-9]{8}$'
      AND to_date(substr(c.relname, 8), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date - %b::int4
    ORDER BY c.relname"""


async def make_days(door: Door, *, ahead: int = 3) -> int:
    """Make the partitions of the days *ahead* that are missing, never today's; say how many were made.

    Where one is not made in time, its rows go to the default partition: nothing fails, and nothing is lost.
    """
    try:
        async with transaction(door) as connection:
            await connection.execute(_PATIENCE)
            row = await (await connection.execute(_MAKE, [ahead])).fetchone()
            return int(row[0]) if row else 0
    except IngestionError as error:
        if isinstance(error.__cause__, pg.LockNotAvailable | pg.DuplicateTable):
            return 0
        raise


async def drop_drained_days(door: Door, *, keep_days: int = 1) -> int:
    """Drop the partitions of days before the last *keep_days* that hold no row; say how many.

    A day with a single event that is not in Kafka yet stays, as does one into which a transaction is still writing.
    """
    async with transaction(door) as connection:
        found = await (await connection.execute(_OLD_DAYS, [keep_days])).fetchall()
    dropped = 0
    for (name,) in found:
        try:
            async with transaction(door) as connection:
                dropped += await _drop_if_empty(connection, name)
        except IngestionError as error:
            if not isinstance(error.__cause__, pg.LockNotAvailable | pg.UndefinedTable):
                raise
    return dropped


async def _drop_if_empty(connection: Connection, name: str) -> int:
    await connection.execute(_PATIENCE)
    await connection.execute(f'LOCK TABLE ONLY ingestion.outbox, ingestion."{name}" IN ACCESS EXCLUSIVE MODE')
    if await (await connection.execute(f'SELECT 1 FROM ingestion."{name}" LIMIT 1')).fetchone() is not None:
        return 0
    await connection.execute(f'DROP TABLE ingestion."{name}"')
    return 1


@asynccontextmanager
async def keep_house(door: Door) -> AsyncIterator[None]:
    """Look after the days now and every ten minutes, until the block is left."""
    keeping = asyncio.create_task(_keep(door))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(door: Door) -> None:
    while True:
        try:
            await make_days(door)
            await drop_drained_days(door)
        except IngestionError as error:
            logger.warning("the partitions of the outbox were not looked after: %s", error)
        await asyncio.sleep(_INTERVAL_S)
