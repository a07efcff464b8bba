# Made from solutions/m02_push/10_group_commit.ipynb: edit it there.
"""One transaction for many deliveries: what is known is answered, what can be read lands, the rest is parked."""

import logging
from collections.abc import Sequence

from ingestion.dedup.deduplicator import Deduplicator, EventKey
from ingestion.errors import IngestionError
from ingestion.landing import land
from ingestion.outbox.doorbell import Doorbell
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import Connection, Pool, transaction
from ingestion.store.run_ledger import Landed, Run
from ingestion.webhooks.delivery import Delivery, Fate
from ingestion.webhooks.events import event_of

__all__ = ["DeliveryCommit", "Newcomers", "logger", "read_event"]


logger = logging.getLogger(__name__)

_NEW = """
    SELECT r.source, r.stream, r.key, r.landed_at = now()
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (source, stream, key)
    JOIN ingestion.records AS r USING (source, stream, key)"""


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
        items = [read_event(delivery) for delivery in deliveries]
        records: dict[EventKey, Record] = {}
        for item in items:
            if isinstance(item, Record):
                records.setdefault(EventKey(item.source, item.stream, item.key), item)
        known = await self._deduplicator.known(list(records))
        fates: dict[EventKey, Fate] = dict.fromkeys(known, Fate.DUPLICATE)
        new = tuple(record for key, record in records.items() if key not in known)
        rejects = tuple(item for item in items if isinstance(item, Reject))
        if new or rejects:
            newcomers = Newcomers(new)
            await land(self._pool, Batch(new, newcomers, rejects), self._run, versions="first", max_rejected_share=1.0)
            self._has_landed = True
            fates |= newcomers.fates
            self._doorbell.ring()
            self._deduplicator.saw(
                [key for key, fate in newcomers.fates.items() if fate is Fate.ACCEPTED],
                sum(fate is Fate.DUPLICATE for fate in newcomers.fates.values()),
            )
        return _in_order(items, fates)

    async def close(self) -> None:
        """Close this writer's row in the ledger, if it has one."""
        if not self._has_landed:
            return
        try:
            async with transaction(self._pool) as connection:
                await self._run.finish(connection)
        except IngestionError as error:  # its row stays open, as after a kill
            logger.warning("the ledger could not be closed: %s", error)


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
