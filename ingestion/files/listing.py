# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""What a listing knows of the order of versions."""

from collections.abc import Sequence

import msgspec

from ingestion.files.notification import Drop
from ingestion.store.database import Connection

__all__ = ["dated"]


_LATEST_OF_THE_SECOND = """
    SELECT key, max(known.uploaded_at) + interval '1 microsecond'
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS listed (bucket, key, version, uploaded_at)
    JOIN ingestion.manifest AS known USING (bucket, key)
    WHERE known.version <> listed.version
      AND date_trunc('second', known.uploaded_at) = date_trunc('second', listed.uploaded_at)
    GROUP BY key"""


async def dated(connection: Connection, listed: Sequence[Drop]) -> list[Drop]:
    """Give the drops of a listing, each dated behind the other versions of its key that the manifest knows.

    A listing dates uploads to the second. Of two versions of one second the one that is listed is the later: the other
    one is not there any more.
    """
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, listed), strict=True)] or [[]] * 5
    bucket, key, version, _, uploaded_at = columns
    cursor = await connection.execute(_LATEST_OF_THE_SECOND, [bucket, key, version, uploaded_at])
    later = dict(await cursor.fetchall())
    return [msgspec.structs.replace(drop, uploaded_at=later.get(drop.key, drop.uploaded_at)) for drop in listed]
