# Made from solutions/m01_rest/18_pipeline.ipynb: edit it there.
"""Reading ahead: the next batch is found while the last one lands, and quick batches share a transaction."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import chain
from types import TracebackType
from typing import Protocol, Self

from ingestion.record import Batch
from ingestion.store.run_ledger import Tally

__all__ = ["Gate", "ReadAhead", "StopWish", "read_ahead"]


Gate = Callable[[Batch], Awaitable[Batch]]
"""Splits a batch into what may land and what is parked."""


class StopWish(Protocol):
    """Somebody's wish to stop, such as that of an operator."""

    async def wait(self) -> None:
        """Wait until somebody wants to stop."""


class ReadAhead:
    """Reads batches in a task of its own, passes them through a gate, and hands them out to be landed.

    Order is kept, and what is handed out ends in the position of its last batch. An error comes out after all that
    was read before it. What is read and has not landed is bounded: one batch, and once rows have landed, a quarter as
    many, up to *max_rows*. So a crash costs one page or a quarter of the work done, and memory stays flat.

    Batches that wait at the same time are handed out as one: pages that come quicker than they land share a
    transaction, and nobody waits for more of them. A batch with rejects stays alone, so that a limit on rejects
    judges one page at a time, and so does one whose position keeps a count of its own.

    Use as `async with ReadAhead(...) as ahead`; leaving it stops the reading and closes the source.
    """

    def __init__(self, batches: AsyncIterator[Batch], gate: Gate, *, max_rows: int = 2_000) -> None:
        self._batches = batches
        self._gate = gate
        self._max_rows = max_rows
        self._waiting: deque[Batch] = deque()
        self._rows_waiting = 0
        self._rows_in_hand = 0
        self._rows_landed = 0
        self._reader: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._has_batch = asyncio.Event()
        self._has_room = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._has_batch.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._reader:
            await asyncio.gather(self._reader, return_exceptions=True)

    def stop(self) -> None:
        """Stop reading, and drop what waits: `take` gives None from now on."""
        self._is_stopped = True
        self._waiting.clear()
        self._has_room.set()
        if self._reader:
            self._reader.cancel()

    async def take(self) -> tuple[Batch, int] | None:
        """Wait for what is to land next and give it, with the number of pages in it; None at the end.

        Asking for the next says that the last one has landed.

        Raises:
            IngestionError: what the source or the gate raised, once everything before it was handed out.
        """
        self._rows_landed += self._rows_in_hand
        self._rows_in_hand = 0
        self._has_room.set()
        await self._has_batch.wait()
        if not self._waiting:
            if self._reader and not self._is_stopped:
                self._reader.result()
            return None
        batches = [self._waiting.popleft()]
        while self._waiting and not (_stays_alone(batches[-1]) or _stays_alone(self._waiting[0])):
            batches.append(self._waiting.popleft())
        self._rows_in_hand = sum(map(_rows, batches))
        self._rows_waiting = sum(map(_rows, self._waiting))
        if not self._waiting and self._reader and not self._reader.done():
            self._has_batch.clear()
        return _joined(batches), len(batches)

    async def _read(self) -> None:
        try:
            async for batch in self._batches:
                passed = await self._gate(batch)
                if self._is_stopped:  # a cancellation can get lost in a library on its way
                    return
                self._waiting.append(passed)
                self._rows_waiting += _rows(passed)
                self._has_batch.set()
                while not self._is_stopped and not self._may_read(_rows(passed)):
                    self._has_room.clear()
                    await self._has_room.wait()
        finally:
            if isinstance(self._batches, AsyncGenerator):
                await self._batches.aclose()

    def _may_read(self, rows: int) -> bool:
        """Whether another page, of about *rows*, may be read although what was read before has not landed."""
        at_risk = self._rows_waiting + self._rows_in_hand
        return at_risk == 0 or at_risk + rows <= min(self._max_rows, self._rows_landed // 4)


@asynccontextmanager
async def read_ahead(batches: AsyncIterator[Batch], gate: Gate, stop: StopWish) -> AsyncIterator[ReadAhead]:
    """Read *batches* ahead, until *stop* is wanted: also in the middle of a long wait for the source."""

    async def watch() -> None:
        await stop.wait()
        ahead.stop()

    async with ReadAhead(batches, gate) as ahead:
        watcher = asyncio.create_task(watch())
        try:
            yield ahead
        finally:
            watcher.cancel()


def _rows(batch: Batch) -> int:
    return len(batch.records) + len(batch.rejects) or 1  # an empty page takes its place, too


def _stays_alone(batch: Batch) -> bool:
    return bool(batch.rejects) or isinstance(batch.position, Tally)


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    records = tuple(chain.from_iterable(batch.records for batch in batches))
    position = next((batch.position for batch in reversed(batches) if batch.position is not None), None)
    return Batch(records, position)
