"""Makes a mark of a look that is not beyond the horizon: a relay that waits for settled waits for writers who hold nothing."""
#| exercise: m02-13-ex1
#| caught by: test_ex1_nobody_writes
class Horizon:
    def __init__(self, position=0):
        self.position = position
        self._mark = None

    @property
    def is_settled(self):
        return self._mark is None

    async def advance(self, door):
        async with transaction(door) as connection:
            return self.saw(await look(connection))

    def saw(self, now):
        if self._mark is not None and is_over(self._mark, now):
            self.position = self._mark.position
            self._mark = None
        if self._mark is None and now.position >= self.position:
            if now.writers:
                self._mark = now
            else:
                self.position = now.position
        return self.position
