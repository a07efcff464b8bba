"""Waits for a moment without any writer: a busy table has none, and the relay stands still until the night."""
#| exercise: m02-13-ex1
#| caught by: test_ex1_later_writers_do_not_hold_it_up
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
        if is_over(now, now):
            self.position = max(self.position, now.position)
            self._mark = None
        elif now.position > self.position:
            self._mark = now
        return self.position
