# Made from solutions/m02_push/06_deduplicator.ipynb: edit it there.
"""Who has the last word on duplicates: a filter says maybe, the primary key says surely, and only surely counts.

Nothing here decides alone. Every event that is not surely stored goes on to landing, whose primary key drops
duplicates whatever this module did. What it adds is speed, while senders repeat themselves.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ingestion.errors import IngestionError
from ingestion.store.database import Door, transaction

__all__ = ["Deduplicator", "EventKey", "RecentShare", "SeenFilter", "maybe_of", "stored_of"]


_logger = logging.getLogger(__name__)

_KEYS_IN_A_FEED = 1_000
_STORED = """
    SELECT r.source, r.stream, r.key
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (source, stream, key)
    JOIN ingestion.records AS r USING (source, stream, key)"""


class EventKey(NamedTuple):
    """What makes two deliveries one event: the primary key of its row."""

    source: str
    stream: str
    key: str


class SeenFilter(Protocol):
    """A memory that may be wrong both ways, such as a `RedisBloom`."""

    async def might_hold(self, keys: Sequence[EventKey]) -> list[bool]:
        """Say of each key whether it may have been added."""
        ...

    async def add(self, keys: Sequence[EventKey]) -> None:
        """Remember keys."""


class RecentShare:
    """The share of duplicates among the events that came last.

    Counts events, not batches, and forgets them by halves: what came *half_life* events ago counts half.
    """

    def __init__(self, half_life: int = 1_000) -> None:
        self._half_life = half_life
        self._events = 0.0
        self._duplicates = 0.0

    def add(self, new: int, duplicates: int) -> None:
        """Take note of so many new events and duplicates that came together."""
        kept = 0.5 ** ((new + duplicates) / self._half_life)
        self._events = self._events * kept + new + duplicates
        self._duplicates = self._duplicates * kept + duplicates

    def value(self, *, at_least: int = 100) -> float:
        """Give the share, from 0 to 1. It is 0 while it would rest on fewer than *at_least* events."""
        return self._duplicates / self._events if self._events >= at_least else 0.0


async def maybe_of(seen: SeenFilter | None, keys: Sequence[EventKey]) -> list[EventKey]:
    """Give the keys that may be stored, each once: all of them but those of which the filter says no.

    Without a filter, or with one that fails, all may be.
    """
    once = list(dict.fromkeys(keys))
    if seen is None or not once:
        return once
    try:
        answers = await seen.might_hold(once)
        return [key for key, may_be in zip(once, answers, strict=True) if may_be]
    except Exception as error:
        _logger.warning("the filter does not answer, so everything may be a duplicate: %s", error)
        return once


def _fits_a_row(key: EventKey) -> bool:
    text = "".join(key)
    return "\0" not in text and text == text.encode("utf-8", "replace").decode()


async def stored_of(door: Door, keys: Sequence[EventKey]) -> set[EventKey]:
    """Give those of *keys* whose rows are committed, by one read; none when the database does not answer.

    A key that no row can hold is not stored, and keeps nobody from asking about the others.
    """
    possible = [key for key in keys if _fits_a_row(key)]
    if not possible:
        return set()
    try:
        async with transaction(door) as connection:
            columns = [list(column) for column in zip(*possible, strict=True)]
            return {EventKey(*row) for row in await (await connection.execute(_STORED, columns)).fetchall()}
    except IngestionError as error:
        _logger.warning("could not look up %s keys: %s", len(possible), error)
        return set()


class Deduplicator:
    """Spares landing the duplicates of a storm. Safe to leave out, and safe to believe.

    Args:
        door: A pool, or a connection, for reading what is stored.
        seen: The filter to ask first. None: the database is asked about every event of a storm.
        storm_share: It is a storm while more than this share of recent events are duplicates.
        most_waiting: How many stored keys may wait to be told to the filter; more than that, and the oldest are not.
        gather_s: The filter is told of what was stored in so many seconds in one go: telling has a price of its own.
    """

    def __init__(
        self,
        door: Door,
        seen: SeenFilter | None = None,
        *,
        storm_share: float = 0.5,
        most_waiting: int = 10_000,
        gather_s: float = 0.05,
    ) -> None:
        self._door = door
        self._seen = seen
        self._storm_share = storm_share
        self._gather_s = gather_s
        self._recent = RecentShare()
        self._waiting: deque[EventKey] = deque(maxlen=most_waiting)
        self._feeding: asyncio.Task[None] | None = None

    @property
    def is_storm(self) -> bool:
        """Whether duplicates pile up, so that asking pays."""
        return self._recent.value() > self._storm_share

    async def known(self, keys: Sequence[EventKey]) -> set[EventKey]:
        """Give those of *keys* that are surely stored: their rows were read. Empty while there is no storm.

        In a storm at most one call to the filter and one read of the database for all of *keys* together. Writes
        nothing. Never fails: what cannot be found out is not known, and goes to landing.
        """
        if not self.is_storm:
            return set()
        stored = await stored_of(self._door, await maybe_of(self._seen, keys))
        self._recent.add(0, sum(key in stored for key in keys))
        return stored

    def saw(self, stored: Sequence[EventKey], duplicates: int) -> None:
        """Take note of a batch that is committed. Returns at once; the filter is told in the background.

        Args:
            stored: The keys that it stored.
            duplicates: How many of its events were there already, without those that `known` gave.
        """
        self._recent.add(len(stored), duplicates)
        if self._seen is None or not stored:
            return
        self._waiting.extend(stored)
        if self._feeding is None or self._feeding.done():
            self._feeding = asyncio.create_task(self._feed(self._seen))

    async def drain(self) -> None:
        """Wait until the filter has been told everything, or has refused it."""
        if self._feeding is not None:
            await self._feeding

    async def _feed(self, seen: SeenFilter) -> None:
        await asyncio.sleep(self._gather_s)
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(_KEYS_IN_A_FEED, len(self._waiting)))]
            try:
                await seen.add(some)
            except Exception as error:
                _logger.warning("the filter was not told of %s events: %s", len(some), error)
