"""Decides in another order, asks the sequence itself, and publishes by recursion."""
#| exercise: m02-13-ex1
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
        waited_for = self._mark
        if waited_for is None or is_over(waited_for, now):
            if waited_for is not None and waited_for.position > self.position:
                self.position = waited_for.position
            self._mark = None
            if now.position > self.position:
                nobody = not now.writers
                self.position = now.position if nobody else self.position
                self._mark = None if nobody else now
        return self.position


#| exercise: m02-13-ex2
async def begin_behind(connection: Connection, position: int) -> None:
    async with connection.transaction():
        cursor = await connection.execute(
            "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM ingestion.outbox_positions"
        )
        [given] = await cursor.fetchone() or [0]
        await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %s", [position])
        if given < position:
            raise ConfigurationError(f"Kafka is at {position}, this outbox at {given}: was it restored?")


#| exercise: m02-13-ex3
async def publish_rows(
    rows: Sequence[OutboxRow],
    publish: Callable[[Sequence[OutboxRow], int], Awaitable[Outcome]],
    bury: Callable[[Sequence[OutboxRow], Sequence[str]], Awaitable[None]],
) -> tuple[Sequence[OutboxRow], int]:
    async def attempt(some: list[OutboxRow], position: int) -> tuple[Sequence[OutboxRow], int]:
        outcome = await publish(some, position)
        if not outcome.refused and not outcome.undelivered:
            return some, position
        if not outcome.refused:
            half = some[: -(-len(some) // 2)]
            return await attempt(half, half[-1].position)
        for index, reason in outcome.refused.items():
            await bury([some[index]], [reason])
        return await attempt([row for row in some if some.index(row) not in outcome.refused], position)

    return await attempt(list(rows), rows[-1].position)
