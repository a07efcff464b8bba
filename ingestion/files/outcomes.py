# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""What became of the files, for people to look at, and the way back for those that failed."""

from collections.abc import Sequence

import msgspec
from psycopg.rows import class_row

from ingestion.store.database import Connection

__all__ = ["Outcome", "failed_files", "outcomes", "retry_failed"]


class Outcome(msgspec.Struct, frozen=True):
    """One version of one file. Of its `rows`, each is `loaded`, `quarantined` or a `duplicate`."""

    bucket: str
    key: str
    state: str
    rows: int
    loaded: int
    quarantined: int
    duplicate: int
    reason: str | None


_OUTCOMES = """
    SELECT bucket, key, state, rows_read AS rows, loaded, quarantined, duplicate, reason
    FROM ingestion.manifest WHERE """


async def outcomes(connection: Connection, tokens: Sequence[int]) -> list[Outcome]:
    """Load what became of the files that were claimed under *tokens*, in the order of their claims."""
    async with connection.cursor(row_factory=class_row(Outcome)) as cursor:
        return await (await cursor.execute(f"{_OUTCOMES} token = ANY(%s) ORDER BY token", [list(tokens)])).fetchall()


async def failed_files(connection: Connection, limit: int = 20) -> list[Outcome]:
    """Load the files that wait for a person, the latest first."""
    statement = f"{_OUTCOMES} state = 'failed' ORDER BY changed_at DESC LIMIT %s"
    async with connection.cursor(row_factory=class_row(Outcome)) as cursor:
        return await (await cursor.execute(statement, [limit])).fetchall()


async def retry_failed(connection: Connection, bucket: str) -> int:
    """Let the next run go on with the files of *bucket* that failed, each from its mark on; says how many there are.

    For files that failed for a cause that is gone: a schema or a budget that was too narrow. A file that was mended
    at its source needs no retry, since it is a new version.
    """
    statement = """
        UPDATE ingestion.manifest SET state = 'discovered', attempts = 0, reason = NULL, changed_at = now()
        WHERE bucket = %s AND state = 'failed'"""
    return (await connection.execute(statement, [bucket])).rowcount
