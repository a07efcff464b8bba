"""Goes to the latest position once the mark is over: those who came since have taken some of these, and are still at work."""
#| exercise: m02-13-ex1
#| caught by: test_ex1_it_goes_to_the_mark_and_not_to_now
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
            self.position = max(self.position, now.position)
            self._mark = None
        if self._mark is None and now.position > self.position:
            if is_over(now, now):
                self.position = now.position
            else:
                self._mark = now
        return self.position
