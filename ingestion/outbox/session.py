# Made from solutions/m02_push/12_relay.ipynb: edit it there.
"""A relay's session with Postgres, and how it reads and empties the outbox there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import PoolTimeout

from ingestion.outbox.message import OutboxRow
from ingestion.store.database import Connection, Pool, own_error

__all__ = ["READ", "is_empty", "own_session", "remove"]


# The limits stand in the text: a plan for any limit would expect a tenth of the table. The first row always comes.
READ = """
    SELECT {columns} FROM (
        SELECT *, sum(octet_length(payload)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING)
            - coalesce(octet_length(payload), 0) AS bytes_before
        FROM ingestion.outbox WHERE {which} ORDER BY position LIMIT {rows:d}
    ) AS o WHERE coalesce(bytes_before, 0) < {bytes:d} ORDER BY position"""

# Nobody waits for the disk: what a crash of Postgres forgets here are deletions, and those become repetitions.
# The statistics of a table that is empty most of the time are wrong when it is not: a plan that sorts reads all of it.
_SET = (
    "SET synchronous_commit = off; SET enable_sort = off; SET enable_seqscan = off;"
    " SET plan_cache_mode = force_custom_plan"
)
_RESET = (
    "RESET synchronous_commit; RESET enable_sort; RESET enable_seqscan; RESET plan_cache_mode;"
    " SELECT pg_advisory_unlock_all()"
)


async def remove(connection: Connection, rows: Sequence[OutboxRow]) -> None:
    """Delete exactly these rows; their days name the partitions to look into."""
    if rows:
        days = [row.created_at for row in rows]
        positions = ",".join([str(row.position) for row in rows])  # as text: a list is converted number by number
        statement = "DELETE FROM ingestion.outbox WHERE position = ANY(%t::int8[]) AND created_at BETWEEN %b AND %b"
        await connection.execute(statement, [f"{{{positions}}}", min(days), max(days)])


@asynccontextmanager
async def own_session(pool: Pool) -> AsyncIterator[Connection]:
    """Give a connection on which each statement is a transaction, set up for a relay, until the block is left.

    Then it is as it was, and holds no lane. Left by a cancellation, which may have cut anything in two, it is closed.

    Raises:
        IngestionError: what `own_error` makes of an error from Postgres.
    """
    try:
        async with pool.connection() as connection:
            try:
                await connection.set_autocommit(True)
                await connection.execute(_SET)
                yield connection
            except asyncio.CancelledError:
                await connection.close()
                raise
            finally:
                if not connection.closed:
                    await connection.rollback()
                    await connection.execute(_RESET)
                    await connection.set_autocommit(False)
    except (psycopg.Error, PoolTimeout) as error:
        raise own_error(error) from error


async def is_empty(connection: Connection) -> bool:
    """Say whether nothing waits in the outbox."""
    return await (await connection.execute("SELECT 1 FROM ingestion.outbox LIMIT 1")).fetchone() is None
