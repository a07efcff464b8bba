# Made from solutions/m01_rest/18_pipeline.ipynb: edit it there.
"""Where each stream stands: rows, dead letters, position and last run, in one look at the database."""

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from ingestion.store.database import Connection

__all__ = ["StreamOverview", "overview"]


# Counting goes over the whole table: an overview is for people, and asked for rarely.
_OVERVIEW = """
    SELECT source, stream, coalesce(r.rows, 0) AS rows, coalesce(d.parked, 0) AS parked,
           coalesce(d.quarantined, 0) AS quarantined, w.updated_at AS read_up_to,
           l.status AS last_status, l.error AS last_error,
           coalesce(l.finished_at, l.landed_at, l.started_at) AS last_run_at
    FROM (SELECT source, stream, count(*) AS rows FROM ingestion.records GROUP BY source, stream) AS r
    FULL JOIN (
        SELECT source, stream, count(*) FILTER (WHERE state = 'parked') AS parked,
               count(*) FILTER (WHERE state = 'quarantined') AS quarantined
        FROM ingestion.dead_letters GROUP BY source, stream
    ) AS d USING (source, stream)
    FULL JOIN ingestion.watermarks AS w USING (source, stream)
    FULL JOIN (
        SELECT DISTINCT ON (source, stream) * FROM ingestion.runs ORDER BY source, stream, started_at DESC
    ) AS l USING (source, stream)
    ORDER BY source, stream"""


class StreamOverview(msgspec.Struct, frozen=True):
    """Where one stream stands.

    Attributes:
        read_up_to: The watermark; None for streams that are read by another kind of position.
        last_status: `running`, `succeeded` or `failed`; a run that was killed stays `running` until the next one.
        last_run_at: When the last run ended, or last did something.
    """

    source: str
    stream: str
    rows: int
    parked: int
    quarantined: int
    read_up_to: datetime | None
    last_status: str | None
    last_run_at: datetime | None
    last_error: str | None


async def overview(connection: Connection) -> list[StreamOverview]:
    """Load where every stream stands, in the order of their names."""
    async with connection.cursor(row_factory=class_row(StreamOverview)) as cursor:
        return await (await cursor.execute(_OVERVIEW)).fetchall()
