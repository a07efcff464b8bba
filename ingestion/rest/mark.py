# Made from solutions/m01_rest/13_keyset.ipynb: edit it there.
"""Where a walk in order of change stands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from ingestion.record import Record

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["KeysetPosition", "Mark"]


class KeysetPosition(Protocol):
    """A type of position that the source can be given, such as a watermark in the database."""

    def __init__(self, source: str, stream: str, updated_at: datetime, key: str = "") -> None: ...

    @property
    def updated_at(self) -> datetime:
        """When the last row before this position changed."""

    @property
    def key(self) -> str:
        """The key of that row; empty where the position is an instant and no row."""

    def since(self, lookback_s: float) -> datetime:
        """Give the instant to read from, *lookback_s* before this."""

    def advanced(self, records: Sequence[Record], *, until: datetime) -> Self:
        """Give the position after *records*, at most at *until*."""

    async def save(self, connection: "AsyncConnection[Any]") -> None:
        """Write this position inside the transaction open on *connection*."""

    @classmethod
    async def load(cls, connection: "AsyncConnection[Any]", source: str, stream: str) -> Self | None:
        """Load the position saved last; None when there is none."""


class Mark(msgspec.Struct, frozen=True):
    """A position that lives in memory: nothing is kept, and the next process starts over."""

    source: str
    stream: str
    updated_at: datetime
    key: str = ""

    def since(self, lookback_s: float) -> datetime:
        """Give the instant to read from, *lookback_s* before this."""
        return self.updated_at - timedelta(seconds=lookback_s)

    def advanced(self, records: Sequence[Record], *, until: datetime) -> Self:
        """Give the position of the last of *records*, at most at *until*."""
        last = records[-1]
        ahead = last.occurred_at > until
        return msgspec.structs.replace(self, updated_at=min(last.occurred_at, until), key="" if ahead else last.key)

    async def save(self, connection: "AsyncConnection[Any]") -> None:
        """Keep nothing."""

    @classmethod
    async def load(cls, connection: "AsyncConnection[Any]", source: str, stream: str) -> Self | None:
        """Know of nothing."""
        return None
