# Made from solutions/m01_rest/18_pipeline.ipynb: edit it there.
"""Reading ahead: the next batch is found while the last one lands, and quick batches share a transaction."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from itertools import chain
from types import TracebackType
from typing import Self

from ingestion.record import Batch

__all__ = ["Gate", "ReadAhead"]


Gate = Callable[[Batch], Awaitable[Batch]]
"""Splits a batch into what may land and what is parked."""


class ReadAhead:
    """Reads batches in a task of its own, passes them through a gate, and hands them out to be landed.

    Order is kept, and what is handed out ends in the position of its last batch. An error comes out after all that
    was read before it. What waits is bounded: one batch, and once rows have been handed out, a tenth as many, up to
    *max_rows*. So a crash costs a page or a tenth of the work done, and memory stays flat.

    Batches that wait at the same time are handed out as one: pages that come quicker than they land share a
    transaction, and nobody waits for more of them. A batch with rejects stays alone, so that a limit on rejects
    judges one page at a time.

    Use as `async with ReadAhead(...) as ahead`; leaving it stops the reading and closes the source.
    """

    def __init__(self, batches: AsyncIterator[Batch], gate: Gate, *, max_rows: int = 2_000) -> None:
        self._batches = batches
        self._gate = gate
        self._max_rows = max_rows
        self._waiting: deque[Batch] = deque()
        self._rows_waiting = 0
        self._rows_handed_out = 0
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

        Raises:
            IngestionError: what the source or the gate raised, once everything before it was handed out.
        """
        await self._has_batch.wait()
        if not self._waiting:
            if self._reader and not self._is_stopped:
                self._reader.result()
            return None
        batches = [self._waiting.popleft()]
        while self._waiting and not (batches[-1].rejects or self._waiting[0].rejects):
            batches.append(self._waiting.popleft())
        self._rows_handed_out += sum(map(_rows, batches))
        self._rows_waiting = sum(map(_rows, self._waiting))
        self._has_room.set()
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
                while (
                    self._waiting and not self._is_stopped and self._rows_waiting + _rows(batch) > self._rows_allowed()
                ):
                    self._has_room.clear()
                    await self._has_room.wait()
        finally:
            if isinstance(self._batches, AsyncGenerator):
                await self._batches.aclose()

    def _rows_allowed(self) -> int:
        return min(self._max_rows, self._rows_handed_out // 10)


def _rows(batch: Batch) -> int:
    return len(batch.records) + len(batch.rejects) or 1  # an empty page takes its place, too


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    records = tuple(chain.from_iterable(batch.records for batch in batches))
    position = next((batch.position for batch in reversed(batches) if batch.position is not None), None)
    return Batch(records, position)
