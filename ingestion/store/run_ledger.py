# Made from solutions/m01_rest/16_dead_letters.ipynb: edit it there.
"""The run ledger: what each run landed, written in the transactions that land it."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, Self, runtime_checkable
from uuid import UUID, uuid4

import msgspec

from ingestion.resilience.retry_after import utc_now
from ingestion.store.database import Connection

__all__ = ["Landed", "Run", "Tally", "add_sql"]


def add_sql(counts: str = "VALUES (%s, %s, %s, %s)") -> str:
    """Give the statement that counts one more batch; who lands with one statement makes this a part of it.

    Its parameters are `Run.columns()`, then those of *counts*.

    Args:
        counts: The query for how many were inserted, updated, unchanged and parked.
    """
    return f"""
    INSERT INTO ingestion.runs AS r
        (id, source, stream, schema_version, started_at, landed_at,
         batches, inserted, updated, unchanged, parked)
    SELECT %s, %s, %s, %s, %s, now(), 1, counted.* FROM ({counts}) AS counted
    ON CONFLICT (id) DO UPDATE SET
        landed_at = excluded.landed_at,
        batches   = r.batches   + excluded.batches,
        inserted  = r.inserted  + excluded.inserted,
        updated   = r.updated   + excluded.updated,
        unchanged = r.unchanged + excluded.unchanged,
        parked    = r.parked    + excluded.parked"""


_ADD = add_sql()
_FINISH = """
    INSERT INTO ingestion.runs AS r
        (id, source, stream, schema_version, started_at, finished_at, status, error)
    VALUES (%s, %s, %s, %s, %s, now(), %s, %s)
    ON CONFLICT (id) DO UPDATE SET
        finished_at = excluded.finished_at, status = excluded.status, error = excluded.error"""


class Landed(msgspec.Struct, frozen=True):
    """What became of a batch: every record and every reject is counted once.

    Attributes:
        inserted: Keys that were not there before.
        updated: Keys that were there in an older version.
        unchanged: Already there in this or a newer version, or repeated within the batch, or parked before.
        parked: Newly set aside as dead letters.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    parked: int = 0

    def __add__(self, other: "Landed") -> "Landed":
        """Add up what became of two batches."""
        return Landed(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.parked + other.parked,
        )


@runtime_checkable
class Tally(Protocol):
    """Whatever keeps count of what landed: a `Run`, or a position that has its own count."""

    async def add(self, connection: Connection, landed: Landed) -> None:
        """Count one more batch, in the transaction that lands it."""


class Run(msgspec.Struct, frozen=True):
    """One run over one stream.

    Attributes:
        schema_version: The contract its records were checked against, kept with every dead letter.
    """

    id: UUID
    source: str
    stream: str
    started_at: datetime
    schema_version: str = ""

    @classmethod
    def start(
        cls, source: str, stream: str, *, schema_version: str = "", now: Callable[[], datetime] = utc_now
    ) -> Self:
        """Make a run that starts now. Nothing is written before its first batch lands, or it finishes."""
        return cls(uuid4(), source, stream, now(), schema_version)

    async def add(self, connection: Connection, landed: Landed) -> None:
        """Count one more batch, in the transaction that lands it: a batch rolled back was never counted."""
        counts = [landed.inserted, landed.updated, landed.unchanged, landed.parked]
        await connection.execute(_ADD, [*self.columns(), *counts])

    async def finish(self, connection: Connection, *, error: str | None = None) -> None:
        """Close the run as succeeded, or failed with *error*. A run that landed nothing gets its row too."""
        await connection.execute(_FINISH, [*self.columns(), "failed" if error else "succeeded", error])

    def columns(self) -> list[object]:
        """Give what its row says of it, from `id` to `started_at`."""
        return [self.id, self.source, self.stream, self.schema_version, self.started_at]
