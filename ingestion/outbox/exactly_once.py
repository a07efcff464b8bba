# Made from solutions/m02_push/13_exactly_once.ipynb: edit it there.
"""Exactly once: a horizon that nothing appears behind, a position that commits with the events, a start behind it."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ingestion.errors import ConfigurationError
from ingestion.outbox.message import OutboxRow, Outcome
from ingestion.store.database import Connection, Door, transaction

__all__ = ["RESTORED", "Horizon", "Look", "begin_behind", "is_over", "look", "publish_rows"]


# The order of these two matters: whoever took a position up to the last held a lock before it was looked up. One
# who holds none now has ended, and what it wrote is visible to every query that begins from now on.
_LOOK = """
    SELECT last_value - (NOT is_called)::int FROM ingestion.outbox_positions;
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND relation IN (SELECT relid FROM pg_partition_tree('ingestion.outbox'))"""

RESTORED = (
    "this database was restored from a backup. Give its outbox a new name, so that all that waits in it is published:"
    " UPDATE ingestion.outbox_identity SET id = gen_random_uuid()"
)
"""What to do: to move the positions on instead would count what has been written since as published."""


class Look(msgspec.Struct, frozen=True):
    """What one look at the outbox showed.

    Attributes:
        position: The last one that was given to anybody, whether it has committed or not; 0 before the first.
        writers: The transactions that may hold one, looked up afterwards.
    """

    position: int
    writers: frozenset[str] = frozenset()


async def look(connection: Connection) -> Look:
    """Look at the outbox, in one round trip."""
    async with transaction(connection):
        cursor = await connection.execute(_LOOK)
        [[position]] = await cursor.fetchall()
        cursor.nextset()
        return Look(position, frozenset(name for (name,) in await cursor.fetchall()))


def is_over(mark: Look, now: Look) -> bool:
    """Say whether everybody who may have held a position at *mark* has ended by *now*.

    A transaction that was prepared for two-phase commit goes on under another name, `-1/...`.
    """
    return not any(writer in mark.writers or writer.startswith("-1/") for writer in now.writers)


class Horizon:
    """Knows a position up to which no event can appear any more.

    A position is taken before its transaction commits, so a higher one may be visible first. A reader that
    remembers the highest it has seen loses the lower one for ever.

    It stands still behind every transaction that has written into the outbox and stays open; whatever others do, in
    this database or another, does not matter.

    Attributes:
        position: What was found last. Never goes back.
    """

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._mark: Look | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nobody had taken a position beyond the horizon when it was last looked at."""
        return self._mark is None

    async def advance(self, door: Door) -> int:
        """Look once, without waiting for anybody, and give the position up to which the outbox is complete."""
        async with transaction(door) as connection:
            return self.saw(await look(connection))

    def saw(self, now: Look) -> int:
        """Take a look into account, and give the position up to which the outbox is complete."""
        if self._mark is not None and is_over(self._mark, now):
            self.position = max(self.position, self._mark.position)
            self._mark = None
        if self._mark is None and now.position > self.position:
            if is_over(now, now):
                self.position = now.position
            else:
                self._mark = now
        return self.position


async def begin_behind(connection: Connection, position: int) -> None:
    """Delete the rows up to *position*: a relay that died between Kafka's commit and its own left them.

    Raises:
        ConfigurationError: the outbox never gave out *position*: the database was restored from a backup.
    """
    last = (await look(connection)).position
    if last < position:
        raise ConfigurationError(
            f"the outbox has given out positions up to {last}, but Kafka holds its events up to {position}: {RESTORED}"
        )
    async with transaction(connection):
        await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %b", [position])


async def publish_rows(
    rows: Sequence[OutboxRow],
    publish: Callable[[Sequence[OutboxRow], int], Awaitable[Outcome]],
    bury: Callable[[Sequence[OutboxRow], Sequence[str]], Awaitable[None]],
) -> tuple[Sequence[OutboxRow], int]:
    """Publish *rows*, or the first of them, together with the position behind them.

    Args:
        rows: At least one, in the order of their positions.
        publish: Sends rows and a position in one transaction; an empty outcome is a commit.
        bury: Sets rows aside for good, each with its reason.

    Returns:
        The rows that are in Kafka now, and the position: up to it, each of *rows* is published or buried.
    """
    position = rows[-1].position
    while True:
        outcome = await publish(rows, position)
        if outcome.refused:
            await bury([rows[index] for index in outcome.refused], list(outcome.refused.values()))
            rows = [row for index, row in enumerate(rows) if index not in outcome.refused]
        elif outcome.undelivered:
            rows = rows[: (len(rows) + 1) // 2]
            position = rows[-1].position
        else:
            return rows, position
