"""Averages the shares of batches: one duplicate delivered alone counts as much as a batch of 500."""
#| exercise: m02-06-ex1
#| caught by: test_ex1_counts_events_and_not_batches
class RecentShare:

    def __init__(self, half_life: int = 1_000) -> None:
        self._half_life = half_life
        self._events = 0.0
        self._duplicates = 0.0

    def add(self, new: int, duplicates: int) -> None:
        """Take note of so many new events and duplicates that came together."""
        kept, new, duplicates = 0.9, new / (new + duplicates), duplicates / (new + duplicates)
        self._events = self._events * kept + (new + duplicates) * 100
        self._duplicates = self._duplicates * kept + duplicates * 100

    def value(self, *, at_least: int = 100) -> float:
        """Give the share, from 0 to 1. It is 0 while it would rest on fewer than *at_least* events."""
        return self._duplicates / self._events if self._events >= at_least else 0.0
