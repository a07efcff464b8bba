# Made from solutions/m02_push/10_group_commit.ipynb: edit it there.
"""One transaction for many deliveries: what is known is answered, what can be read lands, the rest is parked."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from ingestion.dedup.deduplicator import Deduplicator, EventKey
from ingestion.errors import IngestionError
from ingestion.landing import RefusedError, changes_sql, columns_of, land
from ingestion.outbox.doorbell import Doorbell
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import REFUSED_DATA, Connection, Pool, own_error, transaction
from ingestion.store.run_ledger import Landed, Run, add_sql
from ingestion.webhooks.delivery import Delivery, Fate
from ingestion.webhooks.events import event_of

__all__ = ["DeliveryCommit", "Newcomers", "T", "land_events", "logger", "promptly", "read_event"]


logger = logging.getLogger(__name__)

T = TypeVar("T")

_ending: set[asyncio.Task[Any]] = set()


async def promptly(work: Coroutine[Any, Any, T]) -> T:
    """Wait for *work*, and no longer than the caller: cancelled, it leaves at once, while *work* is still ending.

    Psycopg asks the server to end a query that is cancelled, and waits for that for 10 s. A server that has gone
    silent does not answer that either, and senders have given up by then.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        _ending.add(task)
        task.add_done_callback(_forget)
        raise


def _forget(task: asyncio.Task[Any]) -> None:
    _ending.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, or the loop reports it as lost


_NEW = """
    SELECT r.source, r.stream, r.key, r.landed_at = now()
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (source, stream, key)
    JOIN ingestion.records AS r USING (source, stream, key)"""


_LAND_EVENTS = f"""
    {changes_sql("first")}, counted AS ({add_sql("SELECT count(*), 0, %s - count(*), 0 FROM landed")})
    SELECT source, stream, key FROM landed"""


async def land_events(pool: Pool, events: Sequence[Record], run: Run) -> set[EventKey]:
    """Do what `land` does with events of which none is refused, and give the keys of those that were new.

    The same rows, outbox and ledger, in one statement. That is a transaction of its own, and one round trip where
    `land` needs five: of a small batch they are most of the price.

    Raises:
        RefusedError: Postgres cannot store one of them, and nothing is stored. `land` finds out which.
        IngestionError: nothing is stored, or only the answer was lost.
    """
    try:
        async with pool.connection() as connection:
            # Without it psycopg would send a BEGIN. Who wants a longer transaction here opens it with `transaction`.
            await connection.set_autocommit(True)
            values = [*columns_of(events, "first"), *run.columns(), len(events)]
            landed = await connection.execute(_LAND_EVENTS, values)
            return {EventKey(*row) for row in await landed.fetchall()}
    except (UnicodeEncodeError, *REFUSED_DATA) as error:
        raise RefusedError("one of the events cannot be stored") from error
    except (psycopg.Error, PoolTimeout) as error:
        raise own_error(error) from error


class Newcomers:
    """Learns, in the transaction that lands a batch, which of its events came first and which were there before.

    Attributes:
        fates: By key; what Postgres refused is missing.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self.fates: dict[EventKey, Fate] = {}

    async def save(self, connection: Connection) -> None:
        """Have no position to save: a push has none."""

    async def add(self, connection: Connection, landed: Landed) -> None:
        """Take the fates from the count where that says all, else from the rows: `now()` is this transaction's own."""
        keys = [EventKey(record.source, record.stream, record.key) for record in self._records]
        if landed.inserted == len(keys):
            self.fates = dict.fromkeys(keys, Fate.ACCEPTED)
            return
        columns = [[key.source for key in keys], [key.stream for key in keys], [key.key for key in keys]]
        rows = await (await connection.execute(_NEW, columns)).fetchall()
        self.fates = {EventKey(*key): Fate.ACCEPTED if is_new else Fate.DUPLICATE for *key, is_new in rows}


def read_event(delivery: Delivery) -> Record | Reject:
    """Make of a delivery what can be stored. Never raises: one strange body must not fail the whole batch."""
    try:
        return event_of(delivery.verified, delivery.body)
    except Exception as error:
        logger.exception("a body that could not be read as an event")
        reason = f"not read: {type(error).__name__}"
        return Reject(delivery.verified.provider, "events", delivery.body, reason, 0)


class DeliveryCommit:
    """Stores batches of deliveries, each in one transaction; one of these for each writer."""

    def __init__(self, pool: Pool, deduplicator: Deduplicator, doorbell: Doorbell) -> None:
        self._pool = pool
        self._deduplicator = deduplicator
        self._doorbell = doorbell
        # A row of the ledger for each writer: one for all would make the commits wait for each other.
        self._run = Run.start("webhooks", "deliveries")
        self._has_landed = False

    async def __call__(self, deliveries: Sequence[Delivery]) -> list[Fate]:
        """Store *deliveries*, and say in their order what became of each.

        Of equal events the first is stored, and the others are duplicates, also within the batch.

        Raises:
            IngestionError: nothing is stored.
        """
        return await promptly(self._store(deliveries))

    async def _store(self, deliveries: Sequence[Delivery]) -> list[Fate]:
        items = [read_event(delivery) for delivery in deliveries]
        records: dict[EventKey, Record] = {}
        for item in items:
            if isinstance(item, Record):
                records.setdefault(EventKey(item.source, item.stream, item.key), item)
        known = await self._deduplicator.known(list(records))
        fates: dict[EventKey, Fate] = dict.fromkeys(known, Fate.DUPLICATE)
        new = [record for key, record in records.items() if key not in known]
        rejects = [item for item in items if isinstance(item, Reject)]
        if new or rejects:
            landed = await self._land(new, rejects)
            self._has_landed = True
            fates |= landed
            self._doorbell.ring()
            self._deduplicator.saw(
                [key for key, fate in landed.items() if fate is Fate.ACCEPTED],
                sum(fate is Fate.DUPLICATE for fate in landed.values()),
            )
        return _in_order(items, fates)

    async def _land(self, new: Sequence[Record], rejects: Sequence[Reject]) -> dict[EventKey, Fate]:
        """Land what is new and park what is not to be read, and say what became of each key that Postgres took."""
        if not rejects:
            try:
                fresh = await land_events(self._pool, new, self._run)
            except RefusedError:
                pass  # `land` halves the batch until the guilty ones are alone
            else:
                keys = (EventKey(record.source, record.stream, record.key) for record in new)
                return {key: Fate.ACCEPTED if key in fresh else Fate.DUPLICATE for key in keys}
        newcomers = Newcomers(new)
        batch = Batch(tuple(new), newcomers, tuple(rejects))
        await land(self._pool, batch, self._run, versions="first", max_rejected_share=1.0)
        return newcomers.fates

    async def close(self) -> None:
        """Close this writer's row in the ledger, if it has one."""
        if not self._has_landed:
            return
        try:
            async with asyncio.timeout(2):
                await promptly(self._finish())
        except (IngestionError, TimeoutError) as error:  # its row stays open, as after a kill
            logger.warning("the ledger could not be closed: %s", str(error) or "Postgres is silent")

    async def _finish(self) -> None:
        async with transaction(self._pool) as connection:
            await self._run.finish(connection)


def _in_order(items: Sequence[Record | Reject], fates: dict[EventKey, Fate]) -> list[Fate]:
    """Give each item its fate; of equal events the first has the one that was stored."""
    given: list[Fate] = []
    seen: set[EventKey] = set()
    for item in items:
        if isinstance(item, Reject):
            given.append(Fate.PARKED)
            continue
        key = EventKey(item.source, item.stream, item.key)
        fate = fates.get(key, Fate.PARKED)
        given.append(Fate.DUPLICATE if key in seen and fate is Fate.ACCEPTED else fate)
        seen.add(key)
    return given
