# Made from solutions/m02_push/12_relay.ipynb: edit it there.
"""Dead events: what Kafka refuses is set aside with the reason, so that everything else flows; and brought back."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from ingestion.store.database import Connection

__all__ = ["DeadEvent", "dead_events", "redrive_dead", "set_aside"]


_LONGEST_REASON = 500
_SET_ASIDE = """
    INSERT INTO ingestion.outbox_dead
        (id, position, created_at, occurred_at, aggregatetype, aggregateid, type, payload, topic, reason)
    SELECT o.id, o.position, o.created_at, o.occurred_at, o.aggregatetype, o.aggregateid, o.type, o.payload,
           dead.topic, dead.reason
    FROM unnest(%b::bigint[], %b::text[], %b::text[]) AS dead (position, topic, reason)
    JOIN ingestion.outbox AS o USING (position)
    ON CONFLICT (id) DO NOTHING"""
_LIST = """
    SELECT id, position, aggregatetype, aggregateid, type, octet_length(payload) AS size_bytes, topic, reason, died_at
    FROM ingestion.outbox_dead ORDER BY position LIMIT %s"""
# Skipping what another redrive holds is harmless here: the events get new positions anyway.
_REDRIVE = """
    WITH revived AS (
        DELETE FROM ingestion.outbox_dead WHERE id IN (
            SELECT id FROM ingestion.outbox_dead ORDER BY position LIMIT %s FOR UPDATE SKIP LOCKED)
        RETURNING *
    )
    INSERT INTO ingestion.outbox (id, occurred_at, aggregatetype, aggregateid, type, payload)
    SELECT id, occurred_at, aggregatetype, aggregateid, type, payload FROM revived ORDER BY revived.position"""


async def set_aside(connection: Connection, refused: Mapping[int, tuple[str, str]]) -> int:
    """Copy events to the dead ones, in the transaction open on *connection*; say how many are new there.

    The caller deletes them from the outbox. Doing it again changes nothing.

    Args:
        connection: Where the outbox is.
        refused: Topic and reason by position.
    """
    topics = [topic for topic, _ in refused.values()]
    reasons = [reason[:_LONGEST_REASON] for _, reason in refused.values()]
    return (await connection.execute(_SET_ASIDE, [list(refused), topics, reasons])).rowcount


class DeadEvent(msgspec.Struct, frozen=True):
    """One event that was set aside, without its payload.

    Attributes:
        size_bytes: Size of the payload; None for a tombstone.
        reason: What Kafka, or its client, said.
    """

    id: UUID
    position: int
    aggregatetype: str
    aggregateid: str
    type: str
    size_bytes: int | None
    topic: str
    reason: str
    died_at: datetime


async def dead_events(connection: Connection, *, limit: int = 100) -> list[DeadEvent]:
    """Load up to *limit* of the dead events, in the order in which they were written."""
    async with connection.cursor(row_factory=class_row(DeadEvent)) as cursor:
        return await (await cursor.execute(_LIST, [limit])).fetchall()


async def redrive_dead(connection: Connection, *, limit: int = 1_000) -> int:
    """Put up to *limit* dead events back into the outbox, in the transaction open on *connection*; say how many.

    They keep their ids, and come after everything that is there: later events of their keys have been published
    meanwhile, and `occurred_at` tells a consumer which is newer. Called twice, or by two at once, each goes once.
    """
    return (await connection.execute(_REDRIVE, [limit])).rowcount
