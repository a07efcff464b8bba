# Made from solutions/m02_push/07_writer.ipynb: edit it there.
"""Writing events: outbox rows in the caller's transaction, so that a change and its event exist both or neither."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.pq import TransactionStatus

from ingestion.errors import ContractViolationError, IngestionError
from ingestion.store.database import Connection

__all__ = ["OutboxEvent", "add_events", "check_event"]


class OutboxEvent(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened, to be told to whoever listens. Its id is given by the database.

    Attributes:
        aggregatetype: What kind of thing it happened to, such as `shop.orders`.
        aggregateid: Which one of them, unique among all kinds: it becomes the message's key.
        type: What happened, such as `updated`.
        payload: The message's value, byte for byte.
        occurred_at: When the source says that it happened; aware.
        is_tombstone: Only then may *payload* be None: a compacted topic forgets the key.
    """

    aggregatetype: str
    aggregateid: str
    type: str
    payload: bytes | None
    occurred_at: datetime
    is_tombstone: bool = False


def check_event(event: OutboxEvent) -> None:
    """Refuse an event that could not be published as it is meant.

    Raises:
        ContractViolationError: an empty aggregateid, an occurred_at without a time zone, a payload of None that is no
            tombstone, or a tombstone with a payload. The message names the event's type and its aggregatetype, and
            never quotes the payload.
    """
    name = f"the event {event.type!r} of {event.aggregatetype}"
    if not event.aggregateid:
        raise ContractViolationError(f"{name} has an empty aggregateid: events without a key have no order")
    if event.occurred_at.utcoffset() is None:
        raise ContractViolationError(f"{name}: occurred_at {event.occurred_at} names no time zone")
    if event.payload is None and not event.is_tombstone:
        raise ContractViolationError(f"{name} has no payload: mark it as a tombstone if its key is to be forgotten")
    if event.payload is not None and event.is_tombstone:
        raise ContractViolationError(f"{name} has a payload, but is marked as a tombstone")


# Positions are taken in the order of the array: an event's place among those of its key.
_ADD = """
    INSERT INTO ingestion.outbox (aggregatetype, aggregateid, type, payload, occurred_at)
    SELECT e.aggregatetype, e.aggregateid, e.type, e.payload, e.occurred_at
    FROM unnest(%b::text[], %b::text[], %b::text[], %b::bytea[], %b::timestamptz[])
        WITH ORDINALITY AS e (aggregatetype, aggregateid, type, payload, occurred_at, ordinal)
    ORDER BY e.ordinal"""


async def add_events(connection: Connection, events: Sequence[OutboxEvent]) -> int:
    """Write *events*, in the transaction open on *connection*, in one statement, and say how many.

    They commit or roll back with everything else in that transaction. This function never commits.

    Events of one key are published in the order of this call, and of calls, as long as two transactions that
    tell of one key exclude each other before either calls this: change the key's row first, then tell.

    Nobody is woken: a relay finds them when it polls next, or is rung for after the commit.

    Raises:
        IngestionError: no transaction is open; alone, the events would commit without what they tell of.
        ContractViolationError: what `check_event` says of one of them; then none was written.
    """
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise IngestionError("no transaction is open for the events: write them inside the one that makes the change")
    for event in events:
        check_event(event)
    if not events:
        return 0
    columns = [
        [event.aggregatetype for event in events],
        [event.aggregateid for event in events],
        [event.type for event in events],
        [event.payload for event in events],
        [event.occurred_at for event in events],
    ]
    return (await connection.execute(_ADD, columns)).rowcount
