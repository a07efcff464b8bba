# Made from solutions/m02_push/13_exactly_once.ipynb: edit it there.
"""The exactly-once relay: its position is stored in Kafka, in the transaction that publishes the events before it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ingestion.errors import ConfigurationError, TransientError
from ingestion.outbox.at_least_once_relay import ingested_events
from ingestion.outbox.dead_events import set_aside
from ingestion.outbox.exactly_once import RESTORED, Horizon, begin_behind, publish_rows
from ingestion.outbox.kafka_position import KafkaPosition, Kept
from ingestion.outbox.message import COLUMNS, Message, OutboxRow, Outcome, Route, Topics, fetch_rows, message_of
from ingestion.outbox.pace import Pace, Wait
from ingestion.outbox.partitions import keep_house
from ingestion.outbox.relay import in_all_lanes
from ingestion.outbox.session import READ, is_empty, own_session, remove
from ingestion.outbox.transactions import TransactionalProducer
from ingestion.store.database import Connection, Pool, transaction

__all__ = ["ExactlyOnceRelay", "logger", "outbox_identity", "require_published"]


logger = logging.getLogger(__name__)

_UNSETTLED_S = 0.005
_STRANGERS = """
    SELECT EXISTS (SELECT FROM ingestion.outbox WHERE position <= %b)
       AND NOT EXISTS (SELECT FROM ingestion.outbox WHERE position <= %b AND id = %b)"""


async def outbox_identity(connection: Connection) -> str:
    """Give the name of this database's outbox, which no other one has."""
    row = await (await connection.execute("SELECT id FROM ingestion.outbox_identity")).fetchone()
    assert row is not None
    return str(row[0])


async def require_published(connection: Connection, last: Kept) -> None:
    """See that the rows up to a position are those that were published with it, and no others in their places.

    Deletions are forgotten from the last one back: where any of these rows is left, the last published one is, too.

    Raises:
        ConfigurationError: positions were given out a second time: the database was restored from a backup.
    """
    if last.event_id is None:
        return
    found = await connection.execute(_STRANGERS, [last.position, last.position, last.event_id])
    [is_other] = await found.fetchone() or [False]
    if is_other:
        raise ConfigurationError(
            f"Kafka holds the events of this outbox up to position {last.position}, but not those that wait there:"
            f" {RESTORED}"
        )


class ExactlyOnceRelay:
    """Publishes what is in the outbox so that a `read_committed` consumer sees each event once, in order.

    - Events are read in the order of their positions, and only within the horizon, so that nothing appears later
      behind the position. An open transaction that has written something holds them up; it never loses them.
    - Events and position commit in one Kafka transaction: a relay that dies anywhere goes on where the last
      one that committed ended. Rows are deleted afterwards; those that a crash left are before the position.
    - One relay at a time: it holds all lanes, and opening the producer shuts out a predecessor that is not quite dead.
    - What Kafka will never take is set aside before the position moves over it.

    A consumer that reads uncommitted sees aborted events, too. Losing the position's topic repeats at most the
    events that were published and not yet deleted.

    Args:
        pool: Two connections are enough; one is held while the relay works.
        bootstrap_servers: Brokers to begin with.
        wait: The doorbell's.
        batch_rows: Most rows a transaction.
        position_topic: Where positions are kept.
        settings: Of librdkafka, for producer and consumer: security above all.
        drain_s: How long the transaction in hand may go on once the relay is stopped.
    """

    def __init__(
        self,
        pool: Pool,
        bootstrap_servers: str,
        wait: Wait = asyncio.sleep,
        *,
        route: Route = ingested_events,
        batch_rows: int = 1_000,
        batch_bytes: int = 16 << 20,
        position_topic: str = "ingested.positions",
        poll_interval_s: float = 1.0,
        timeout_s: float = 30.0,
        drain_s: float = 6.0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._pool = pool
        self._wait = wait
        self._topics = Topics(route)
        self._read = READ.format(
            columns=COLUMNS, which="position > %b AND position <= %b", rows=batch_rows, bytes=batch_bytes
        )
        self._poll_interval_s = poll_interval_s
        self._drain_s = drain_s
        self.pace = Pace()
        self._published = 0
        self._producer: TransactionalProducer | None = None
        self._bootstrap_servers = bootstrap_servers
        self._position_topic = position_topic
        self._timeout_s = timeout_s
        self._settings = settings

    def stop(self) -> None:
        """Begin no further transaction; the one in hand has the drain time left."""
        self.pace.stop()
        if self._producer is not None:
            self._producer.hurry(self._drain_s)

    async def run(self, *, until_empty: bool = False) -> int:
        """Publish until stopped, and say how many. While another relay works, or Kafka or Postgres is away, wait.

        Args:
            until_empty: End as soon as nothing waits in the outbox.

        Raises:
            ConfigurationError: an operator has to change something.
            CorruptError: the position's topic holds something else.
        """
        async with keep_house(self._pool):
            while not self.pace.is_stopped:
                try:
                    async with own_session(self._pool) as connection, in_all_lanes(connection):
                        await self._work(connection, until_empty)
                        break
                except TransientError as error:
                    await self.pace.rest_after_failure(f"events wait in the outbox: {error}")
        return self._published

    async def _work(self, connection: Connection, until_empty: bool) -> None:
        outbox = await outbox_identity(connection)
        servers, timeout_s, settings = self._bootstrap_servers, self._timeout_s, self._settings
        name = f"ingestion-outbox-{outbox}"
        self._producer = TransactionalProducer(servers, name, timeout_s=timeout_s, settings=settings)
        kept = KafkaPosition(servers, outbox, self._position_topic, timeout_s=timeout_s, settings=settings)
        try:
            await self._producer.open()
            last = await kept.read() or Kept(0)
            position = last.position
            await require_published(connection, last)
            await begin_behind(connection, position)
            horizon = Horizon(position)
            while not self.pace.is_stopped:
                rows = await self._rows(connection, position, await horizon.advance(connection))
                if rows:
                    position = await self._publish(connection, rows, kept)
                elif until_empty and await is_empty(connection):
                    return
                elif horizon.is_settled:
                    await self.pace.rest(self._wait, self._poll_interval_s)
                else:
                    await self.pace.rest(asyncio.sleep, _UNSETTLED_S)
        finally:
            await self._producer.close()

    async def _rows(self, connection: Connection, position: int, horizon: int) -> list[OutboxRow]:
        if horizon <= position:
            return []
        return await fetch_rows(connection, self._read, [position, horizon])

    async def _publish(self, connection: Connection, rows: list[OutboxRow], kept: KafkaPosition) -> int:
        async def publish(some: Sequence[OutboxRow], position: int) -> Outcome:
            assert self._producer is not None
            last = Kept(position, UUID(some[-1].id.decode()) if some else None)
            outcome = await self._producer.publish([self._message(row) for row in some], kept.message(last))
            if outcome.undelivered:  # it was opened anew: that is ours to do only while this session is in the lanes
                await connection.execute("SELECT 1")
            return outcome

        async def bury(dead: Sequence[OutboxRow], reasons: Sequence[str]) -> None:
            refused = {row.position: (self._message(row).topic, why) for row, why in zip(dead, reasons, strict=True)}
            async with transaction(connection):
                await set_aside(connection, refused)
                await remove(connection, dead)
                await connection.execute("SET LOCAL synchronous_commit = on")  # before the position moves over them
            logger.error("%d events set aside, Kafka refuses them: %s", len(dead), reasons[0])

        published, position = await publish_rows(rows, publish, bury)
        await remove(connection, published)
        self._published += len(published)
        self.pace.succeeded()
        return position

    def _message(self, row: OutboxRow) -> Message:
        return message_of(row, self._topics[row.aggregatetype])
