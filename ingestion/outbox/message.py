# Made from solutions/m02_push/11_producer.ipynb: edit it there.
"""What is sent to Kafka and what became of it, and how an outbox row turns into it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import starmap
from typing import Any

import msgspec
from psycopg.types.string import ByteaBinaryLoader

from ingestion.store.database import Connection

__all__ = [
    "COLUMNS",
    "INGESTED_EVENTS",
    "Headers",
    "Message",
    "OutboxRow",
    "Outcome",
    "Route",
    "Topics",
    "fetch_rows",
    "message_of",
]


Route = Callable[[str], str]
"""Gives the topic for an aggregatetype."""
Headers = dict[str, str | bytes | None] | list[tuple[str, str | bytes | None]]

INGESTED_EVENTS = "ingested.events"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message. A value of None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers


class Outcome(msgspec.Struct, frozen=True):
    """What became of a batch of messages; whatever is named in neither is in Kafka, on all in-sync replicas.

    Attributes:
        refused: Index and reason of those that Kafka will never take.
        undelivered: Indices of those that may or may not be in Kafka: to be sent again.
        reason: What the client said last, when there are undelivered ones.
    """

    refused: dict[int, str] = {}
    undelivered: frozenset[int] = frozenset()
    reason: str = ""


class OutboxRow(msgspec.Struct, frozen=True, gc=False):
    """One row of the outbox, its texts as the bytes that are sent."""

    position: int
    created_at: datetime
    aggregatetype: bytes
    aggregateid: bytes
    type: bytes
    id: bytes
    occurred_at: bytes
    payload: bytes | None


COLUMNS = """position, created_at, aggregatetype, aggregateid, type, id::text,
    to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), payload"""


async def fetch_rows(connection: Connection, statement: str, parameters: Sequence[Any]) -> list[OutboxRow]:
    """Fetch the rows of a query for `COLUMNS`; nothing is decoded that is only passed on."""
    async with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", ByteaBinaryLoader)
        await cursor.execute(statement, parameters)
        return list(starmap(OutboxRow, await cursor.fetchall()))


class Topics(dict[bytes, str]):
    """The topic for each aggregatetype; the route is asked once for each."""

    def __init__(self, route: Route) -> None:
        super().__init__()
        self._route = route

    def __missing__(self, aggregatetype: bytes) -> str:
        topic = self[aggregatetype] = self._route(aggregatetype.decode())
        return topic


def message_of(row: OutboxRow, topic: str) -> Message:
    """Make the message of a row: the same bytes every time that the row is published.

    `event_id` is what a consumer remembers to take each event once.
    """
    # A dict of texts and bytes is nothing that the garbage collector walks over; a list of tuples is.
    headers: Headers = {"event_id": row.id, "event_type": row.type, "occurred_at": row.occurred_at}
    return Message(topic, row.aggregateid, row.payload, headers)
