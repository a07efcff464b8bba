# Made from solutions/m02_push/12_relay.ipynb: edit it there.
"""The relay: brings events from the outbox to Kafka, each key's in their order, and deletes what has arrived."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ingestion.errors import TransientError
from ingestion.outbox.message import (
    COLUMNS,
    INGESTED_EVENTS,
    Message,
    OutboxRow,
    Outcome,
    Route,
    Topics,
    fetch_rows,
    message_of,
)
from ingestion.outbox.pace import Pace, Wait
from ingestion.outbox.partitions import keep_house
from ingestion.outbox.relay import IN_LANES, LANES, convey, in_lanes, settle
from ingestion.outbox.session import READ, is_empty, own_session
from ingestion.store.database import Connection, Pool

__all__ = ["Complete", "Publisher", "Relay", "Relayed", "ingested_events"]


_MOST_BATCHES = 16


class Publisher(Protocol):
    """What the relay asks of a producer; `KafkaProducer` is one."""

    async def publish(self, messages: Sequence[Message]) -> Outcome:
        """Send in order, and say what became of each."""

    def hurry(self, within_s: float) -> None:
        """Let nothing take longer than this from now on."""


class Complete(Protocol):
    """Knows up to which position the outbox is complete: whatever is not seen there by now never comes."""

    async def advance(self, door: Connection) -> int:
        """Give that position. Never goes back."""


class _Unknown:
    async def advance(self, door: Connection) -> int:
        return 0


class Relayed(msgspec.Struct, frozen=True):
    """What one turn came to: events in Kafka, set aside, and still in the outbox for another try."""

    published: int = 0
    dead: int = 0
    undelivered: int = 0
    reason: str = ""

    def plus(self, size: int, outcome: Outcome) -> "Relayed":
        """Add what became of a batch."""
        undelivered, dead = len(outcome.undelivered), len(outcome.refused)
        reason = (outcome.reason or "Kafka did not acknowledge them in time") if undelivered else self.reason
        published = self.published + size - undelivered - dead
        return Relayed(published, self.dead + dead, self.undelivered + undelivered, reason)


def ingested_events(aggregatetype: str) -> str:
    """Give the one topic for everything: `ingested.events`."""
    return INGESTED_EVENTS


class Relay:
    """Publishes what is in the outbox, at least once, until it is stopped.

    - Nothing is deleted before every in-sync replica has it. A crash at any point loses nothing, and repeats at most
      `batch_rows` events, with the same `event_id`s; a crash of Postgres, those of its last half second.
    - Events of one key arrive in the order of their positions, whatever number of relays run: each takes turns in
      the lanes that are free. The order holds for one who drops repetitions.
    - What Kafka will never take is set aside with the reason; later events of its key go on without it.
    - Rows are only read and deleted, and no transaction is open while it waits for Kafka.
    - With a *horizon*, rows that are gone, but not vacuumed, are not walked over again: each lane is read from where
      it is done. Without one, each turn begins at the beginning.

    Args:
        pool: One connection is held; it has to be a session, and no transaction pooler's. A second keeps house.
        publisher: What sends.
        wait: The doorbell's; what it says is not looked at.
        route: The topic for an aggregatetype.
        horizon: Makes what knows how far the outbox is complete.
        batch_rows: Most rows in hand, and so the most that a crash repeats. Half are published, half settled.
        batch_bytes: Most payload in hand, but for a single larger row.
        max_lanes: Lanes taken at a time. All of them: one relay works and the others stand by.
        poll_interval_s: How long an event may wait when its doorbell was lost.
        drain_s: How long the batch in hand may go on once the relay is stopped.
    """

    def __init__(
        self,
        pool: Pool,
        publisher: Publisher,
        wait: Wait = asyncio.sleep,
        *,
        route: Route = ingested_events,
        horizon: Callable[[], Complete] = _Unknown,
        batch_rows: int = 4_000,
        batch_bytes: int = 16 << 20,
        max_lanes: int = LANES,
        poll_interval_s: float = 1.0,
        drain_s: float = 6.0,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._wait = wait
        self._topics = Topics(route)
        self._new_horizon = horizon
        which = f"position > %b AND position <> ALL(%b::int8[]) AND {IN_LANES}"
        self._read = READ.format(
            columns=COLUMNS, which=which, rows=max(1, batch_rows // 2), bytes=max(1, batch_bytes // 2)
        )
        self._max_lanes = max_lanes
        self._poll_interval_s = poll_interval_s
        self._drain_s = drain_s
        self._next_lane = 0
        self._forget()
        self.pace = Pace()
        self._published = 0

    def _forget(self) -> None:
        """Know nothing: a server that was restored, or lost its last positions in a crash, gives them out again."""
        self._horizon = self._new_horizon()
        self._done_up_to = [0] * LANES

    def stop(self) -> None:
        """Begin no further batch; the one in hand has the drain time left."""
        if not self.pace.is_stopped:
            self.pace.stop()
            self._publisher.hurry(self._drain_s)

    async def run(self, *, until_empty: bool = False) -> int:
        """Publish until stopped, and say how many. While Kafka or Postgres is away, wait longer and longer, up to 10 s.

        Args:
            until_empty: End as soon as nothing waits in the outbox.

        Raises:
            ConfigurationError: an operator has to change something.
        """
        async with keep_house(self._pool):
            while not self.pace.is_stopped:
                try:
                    async with own_session(self._pool) as connection:
                        await self._work(connection, until_empty)
                        break
                except TransientError as error:
                    self._forget()
                    await self.pace.rest_after_failure(f"events wait in the outbox: {error}")
        return self._published

    async def _work(self, connection: Connection, until_empty: bool) -> None:
        while not self.pace.is_stopped:
            relayed = await self._take_turn(connection, _MOST_BATCHES)
            self._published += relayed.published
            if relayed.reason:
                await self.pace.rest_after_failure(f"events wait in the outbox: {relayed.reason}")
                continue
            self.pace.succeeded()
            if relayed == Relayed():
                if until_empty and await is_empty(connection):
                    return
                await self.pace.rest(self._wait, self._poll_interval_s)

    async def publish_batch(self) -> Relayed:
        """Publish one batch from the lanes that are free, and say what it came to."""
        async with own_session(self._pool) as connection:
            return await self._take_turn(connection, 1)

    async def _take_turn(self, connection: Connection, most_batches: int) -> Relayed:
        wanted = [(self._next_lane + n) % LANES for n in range(LANES)]  # each comes first once
        async with in_lanes(connection, wanted, self._max_lanes) as lanes:
            if not lanes:
                return Relayed()
            self._next_lane = (lanes[-1] + 1) % LANES
            # Looked at before the rows: below the horizon, what the queries do not see is gone.
            horizon = await self._horizon.advance(connection)
            turn = _TurnInLanes(self, connection, lanes, most_batches)
            turn.horizon, turn.done_up_to = horizon, min(self._done_up_to[lane] for lane in lanes)
            await convey(turn)
            for lane in lanes:
                self._done_up_to[lane] = max(self._done_up_to[lane], turn.done_up_to)
            return turn.relayed

    async def fetch(
        self, connection: Connection, after: int, under_way: Sequence[int], lanes: Sequence[int] | None
    ) -> list[OutboxRow]:
        """Read the rows of one batch, from some lanes or from all."""
        return await fetch_rows(connection, self._read, [after, under_way, lanes, lanes])

    async def send(self, rows: Sequence[OutboxRow]) -> Outcome:
        """Publish rows where they belong."""
        topics = self._topics
        return await self._publisher.publish([message_of(row, topics[row.aggregatetype]) for row in rows])

    def topic(self, row: OutboxRow) -> str:
        """Give the topic for a row."""
        return self._topics[row.aggregatetype]


class _TurnInLanes:
    """A relay's turn in some lanes, of so many batches."""

    def __init__(self, relay: Relay, connection: Connection, lanes: Sequence[int], most_batches: int) -> None:
        self._relay = relay
        self._connection = connection
        self._lanes = None if len(lanes) == LANES else lanes
        self._left = most_batches
        self.horizon = self.done_up_to = 0
        self.relayed = Relayed()

    async def read(self, under_way: list[OutboxRow]) -> list[OutboxRow]:
        if not self._left or self._relay.pace.is_stopped:
            return []
        self._left -= 1
        last = under_way[-1].position if under_way else 0
        if last <= self.horizon:  # between those under way nothing appears any more: read behind them
            after, sending = max(self.done_up_to, last), []
        else:
            after, sending = self.done_up_to, [row.position for row in under_way]
        rows = await self._relay.fetch(self._connection, after, sending, self._lanes)
        lowest = min((row.position for row in (*under_way[:1], *rows[:1])), default=self.horizon + 1)
        self.done_up_to = max(self.done_up_to, min(self.horizon, lowest - 1))
        return rows

    async def publish(self, rows: list[OutboxRow]) -> Outcome:
        return await self._relay.send(rows)

    async def settle(self, rows: list[OutboxRow], outcome: Outcome) -> None:
        topics = {index: self._relay.topic(rows[index]) for index in outcome.refused}
        async with self._connection.pipeline():  # one round trip in place of three
            await settle(self._connection, rows, topics, outcome)
        self.relayed = self.relayed.plus(len(rows), outcome)
