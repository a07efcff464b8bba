# Made from solutions/m02_push/12_relay.ipynb: edit it there.
"""Relaying: one relay at a time in a lane, Postgres at work while Kafka is, and only what Kafka has is deleted.

All events of a key are in one lane. `SKIP LOCKED` over rows would let a second relay overtake the first within a key;
here a relay skips whole lanes instead.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import psycopg

from ingestion.errors import IngestionError
from ingestion.outbox.dead_events import set_aside
from ingestion.outbox.message import OutboxRow, Outcome
from ingestion.outbox.session import remove
from ingestion.store.database import Connection, transaction
from ingestion.store.watermarks import SourceBusyError

__all__ = [
    "IN_LANES",
    "LANES",
    "LANE_LOCKS",
    "Turn",
    "convey",
    "free_lanes",
    "in_all_lanes",
    "in_lanes",
    "logger",
    "settle",
    "take_lanes",
]


logger = logging.getLogger(__name__)

LANES = 16
IN_LANES = f"(%b::int4[] IS NULL OR hashtext(aggregateid) & {LANES - 1} = ANY(%b))"
"""Condition on an outbox row; takes the lanes twice, or None for all."""

LANE_LOCKS = int.from_bytes(hashlib.sha256(b"ingestion.outbox.lanes").digest()[:4], signed=True)
"""The first number of the locks; the second is the lane."""

_FREE = "SELECT count(pg_advisory_unlock(%b::int4, lane)) FROM unnest(%b::int4[]) AS lane"


async def take_lanes(connection: Connection, wanted: Sequence[int], limit: int) -> list[int]:
    """Take up to *limit* of the lanes *wanted*, in that order, for the session behind *connection*; give those taken.

    Lanes that another session is in are skipped, never waited for. A lane is free again when it is given back, or
    when the session ends, however it ends. Leaves no transaction open.
    """
    # The limit ends the scan: no lane is asked for beyond it. With an ORDER BY all would be.
    statement = "SELECT lane FROM unnest(%b::int4[]) AS lane WHERE pg_try_advisory_lock(%b::int4, lane) LIMIT %b"
    async with transaction(connection):
        found = await connection.execute(statement, [list(wanted), LANE_LOCKS, limit])
        return [lane for (lane,) in await found.fetchall()]


async def free_lanes(connection: Connection, lanes: Sequence[int]) -> None:
    """Give *lanes* back; a connection that cannot is closed, and its session ends with everything it held."""
    try:
        await connection.rollback()
        async with transaction(connection):
            await connection.execute(_FREE, [LANE_LOCKS, list(lanes)])
    except (IngestionError, psycopg.Error):
        with suppress(psycopg.Error):
            await connection.close()


@asynccontextmanager
async def in_lanes(connection: Connection, wanted: Sequence[int], limit: int) -> AsyncIterator[list[int]]:
    """Be in up to *limit* of the lanes *wanted* that are free, until the block is left."""
    lanes = await take_lanes(connection, wanted, limit)
    try:
        yield lanes
    finally:
        if lanes:
            await free_lanes(connection, lanes)


@asynccontextmanager
async def in_all_lanes(connection: Connection, *, wait_s: float = 5.0) -> AsyncIterator[None]:
    """Be in every lane: no other relay, of either kind, publishes until the block is left.

    Raises:
        SourceBusyError: another relay is at work, and still is after *wait_s*.
    """
    deadline_s = asyncio.get_running_loop().time() + wait_s
    while True:
        async with in_lanes(connection, range(LANES), LANES) as lanes:
            if len(lanes) == LANES:
                yield
                return
        if asyncio.get_running_loop().time() > deadline_s:
            raise SourceBusyError("the outbox is being published by another relay: wait for it, or stop it")
        await asyncio.sleep(0.1)


async def settle(
    connection: Connection, rows: Sequence[OutboxRow], topics: Mapping[int, str], outcome: Outcome
) -> None:
    """Write down what became of *rows*: delete the delivered, set the refused aside, leave the undelivered.

    All of it happens or nothing. Doing it again changes nothing.

    Args:
        connection: Where the outbox is; without an open transaction.
        rows: One batch.
        topics: Where each of the refused was to go, by its index in *rows*.
        outcome: What became of the batch.
    """
    refused = {rows[index].position: (topics[index], reason) for index, reason in outcome.refused.items()}
    async with transaction(connection):
        if refused:
            await set_aside(connection, refused)
            logger.error("%d events set aside, Kafka refuses them: %s", len(refused), next(iter(refused.values())))
        await remove(connection, [row for index, row in enumerate(rows) if index not in outcome.undelivered])


class Turn(Protocol):
    """What `convey` moves rows through: somebody's turn at some part of the outbox."""

    async def read(self, under_way: list[OutboxRow]) -> list[OutboxRow]:
        """Give the first rows that are there, but for those *under_way*; none when the turn is over."""

    async def publish(self, rows: list[OutboxRow]) -> Outcome:
        """Bring *rows* to Kafka, and say what became of each."""

    async def settle(self, rows: list[OutboxRow], outcome: Outcome) -> None:
        """Write down what became of *rows*."""


async def convey(turn: Turn) -> None:
    """Publish what *turn* reads, batch by batch in its order; settle and read while Kafka is at work.

    At most two batches are in hand: one is being published, the other settled. Nothing is published behind an
    undelivered row. Cancelled or failing, this leaves no publishing behind.
    """
    rows, before = await turn.read([]), None
    while rows:
        publishing = asyncio.ensure_future(turn.publish(rows))
        try:
            if before is not None:
                await turn.settle(*before)
            following = await turn.read(rows)
        except BaseException:
            publishing.cancel()
            await asyncio.wait([publishing])
            raise
        outcome = await publishing
        before = rows, outcome
        rows = [] if outcome.undelivered else following
    if before is not None:
        await turn.settle(*before)
