"""Uses e where one half belongs, so that a half-life is a third-life."""
#| exercise: m02-06-ex1
#| caught by: test_ex1_half_is_left_after_a_half_life
class RecentShare:

    def __init__(self, half_life: int = 1_000) -> None:
        self._half_life = half_life
        self._events = 0.0
        self._duplicates = 0.0

    def add(self, new: int, duplicates: int) -> None:
        """Take note of so many new events and duplicates that came together."""
        kept = 2.718281828 ** - ((new + duplicates) / self._half_life)
        self._events = self._events * kept + new + duplicates
        self._duplicates = self._duplicates * kept + duplicates

    def value(self, *, at_least: int = 100) -> float:
        """Give the share, from 0 to 1. It is 0 while it would rest on fewer than *at_least* events."""
        return self._duplicates / self._events if self._events >= at_least else 0.0
