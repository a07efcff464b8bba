"""Counts new and duplicate events apart, collects with sets, and reads through a cursor of its own."""
#| exercise: m02-06-ex1
class RecentShare:

    def __init__(self, half_life: int = 1_000) -> None:
        self._half_life = half_life
        self._events = 0.0
        self._duplicates = 0.0

    def add(self, new: int, duplicates: int) -> None:
        """Take note of so many new events and duplicates that came together."""
        import math

        came = new + duplicates
        fade = math.exp(-math.log(2) * came / self._half_life)
        fresh = self._events - self._duplicates
        self._duplicates = fade * self._duplicates + duplicates
        self._events = fade * fresh + new + self._duplicates

    def value(self, *, at_least: int = 100) -> float:
        """Give the share, from 0 to 1. It is 0 while it would rest on fewer than *at_least* events."""
        return self._duplicates / self._events if self._events >= at_least else 0.0


#| exercise: m02-06-ex2
async def maybe_of(seen: SeenFilter | None, keys: Sequence[EventKey]) -> list[EventKey]:
    asked = sorted(set(keys))
    denied: set[EventKey] = set()
    if seen is not None and asked:
        try:
            said = await seen.might_hold(asked)
            if len(said) == len(asked):
                denied = {key for key, answer in zip(asked, said) if not answer}
        except Exception:
            _logger.exception("a filter that fails is no reason to stop")
    return [key for key in asked if key not in denied]


#| exercise: m02-06-ex3
async def stored_of(door: Door, keys: Sequence[EventKey]) -> set[EventKey]:
    lists: tuple[list[str], list[str], list[str]] = ([], [], [])
    for key in filter(_fits_a_row, keys):
        for column, part in zip(lists, key):
            column.append(part)
    found: set[EventKey] = set()
    if lists[0]:
        try:
            async with transaction(door) as connection, connection.cursor() as cursor:
                await cursor.execute(_STORED, lists)
                async for row in cursor:
                    found.add(EventKey._make(row))
        except IngestionError:
            return set()
    return found
