# Made from solutions/m01_rest/11_offset.ipynb: edit it there.
"""Listings by offset or by page number: windows onto a list that moves while it is read.

first window   a b c d
second               d e f g        starts at or before the last row read, so a row is shared
rows deleted             f g h i    nothing is shared: `e` would be lost, so the walk goes back
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Container, Coroutine, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import msgspec

from ingestion.errors import ConfigurationError, CorruptError
from ingestion.http.client import HttpClient
from ingestion.http_library import httpx
from ingestion.record import Batch
from ingestion.rest.page import Page, RowShape, decode_page
from ingestion.rest.place import ListingPosition, Place
from ingestion.rest.recent import Recent
from ingestion.rest.windows import Window, Windows, offset_windows

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["Answer", "InOrder", "OffsetSource", "is_last", "joins"]


_MAX_REWINDS = 20
_MEMORY_PAGES = 8
Answer = TypeVar("Answer")


def joins(page: Page, start: int, seen: Container[str | bytes], total: int | None) -> bool:
    """Say whether *page* joins the pages before it, so that no row between them was skipped.

    It does when it starts the listing, or when at least one of its rows was read before. An empty page in a place
    where the server counts rows joins nothing: it has to be asked for again.

    Args:
        page: The answer.
        start: The number of its first row, from 0.
        seen: The keys of records and the raw bytes of rejects that were read not long ago.
        total: How many rows the server says there are; None if it does not say.
    """
    if page.row_count == 0 and total is not None and total > start:
        return False
    if start == 0:
        return True
    return any(record.key in seen for record in page.records) or any(reject.raw in seen for reject in page.rejects)


def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    """Say whether the walk is over after a page of *rows* rows for *window*.

    The server's `has_more` counts most; a page that brings nothing past *end* is the last one next. A full page never
    is, and a short one only where the server's own count agrees: servers cap page sizes, and counts go stale.

    Args:
        window: What was asked for.
        rows: How many rows came.
        end: How many rows of the listing had been read before.
        total: How many rows the server says there are; None if it does not say.
        has_more: Whether the server says there are more; None if it does not say.

    Raises:
        CorruptError: the server promises more rows and sends none.
    """
    progressed = window.start + rows > end
    if has_more is True and not progressed:
        raise CorruptError("the server promises more rows but sends none")
    if has_more is not None or not progressed:
        return not has_more
    return rows < window.size and total is not None and window.start + rows >= total


class InOrder(Generic[Answer]):
    """Fetches windows, some at once, and gives each with its answer in the order of the windows.

    A window is taken from *windows* only when it is its turn to be sent: whoever makes them can still change their mind
    about the later ones. When one fails, all before it have been given. After `aclose` no fetch is running.

    Args:
        windows: What to fetch, in order.
        fetch: Fetches one.
        in_flight: How many may be on their way at once.
    """

    def __init__(
        self, windows: Iterable[Window], fetch: Callable[[Window], Coroutine[Any, Any, Answer]], in_flight: int
    ) -> None:
        self.windows = iter(windows)
        self.fetch = fetch
        self.in_flight = in_flight
        self.waiting: deque[tuple[Window, asyncio.Task[Answer]]] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Window, Answer]:
        """Send what may be sent, wait for the oldest window on its way, and give it.

        Raises:
            StopAsyncIteration: all windows have been given.
        """
        while len(self.waiting) < self.in_flight and (window := next(self.windows, None)) is not None:
            self.waiting.append((window, asyncio.create_task(self.fetch(window))))
        if not self.waiting:
            raise StopAsyncIteration
        window, task = self.waiting[0]
        answer = await task
        self.waiting.popleft()
        return window, answer

    async def aclose(self) -> None:
        """Cancel what is on its way, and wait until it is gone."""
        tasks = [task for _, task in self.waiting]
        self.waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OffsetSource:
    """Reads a whole listing by windows, several in flight once its length is known.

    Every row that is in the listing from beginning to end is yielded, whatever is inserted or deleted meanwhile,
    provided that rows keep their order. A row that is read twice is yielded twice only if it changed, or if the walk
    had to go far back; landing makes one row of it. Batches come in the order of the listing. Memory holds the
    windows in flight and the keys of the last sixteen or so.

    Args:
        url: The listing, as an absolute URL or relative to the client's base.
        page_size: Rows to ask for; a server that caps it lower is noticed.
        windows: `offset_windows()` or `numbered_windows()`.
        overlap: Rows each window shares with the one before it.
        in_flight: Windows on their way at once.
        max_pages: Responses after which a listing is taken for endless.
        params: Sent with every request.
        positions: The type of position to yield; one that keeps itself makes the walk resumable.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        shape: RowShape,
        *,
        page_size: int = 100,
        windows: Windows | None = None,
        overlap: int = 1,
        in_flight: int = 4,
        max_pages: int = 100_000,
        total_field: str = "total",
        has_more_field: str = "has_more",
        params: Mapping[str, str] | None = None,
        positions: type[ListingPosition] = Place,
    ) -> None:
        if not 0 < overlap < page_size or in_flight < 1:
            raise ConfigurationError(
                f"want an overlap from 1 to page_size - 1, and in_flight of 1 or more;"
                f" not {overlap=}, {page_size=}, {in_flight=}"
            )
        self.source, self.stream = shape.source, shape.stream
        self._name = f"{shape.source}.{shape.stream}"
        self._client, self._url, self._shape, self._params = client, url, shape, dict(params or {})
        self._windows = windows or offset_windows()
        self._page_size, self._overlap, self._in_flight, self._max_pages = page_size, overlap, in_flight, max_pages
        self._total_field, self._has_more_field = total_field, has_more_field
        self._positions = positions

    async def last_position(self, connection: "AsyncConnection[Any]") -> ListingPosition | None:
        """Load where an interrupted walk of this listing stood."""
        return await self._positions.load(connection, self.source, self.stream)

    async def batches(self, position: ListingPosition | None) -> AsyncIterator[Batch]:
        """Yield the rest of the listing; all of it when the last walk was finished.

        Raises:
            CorruptError: an answer that is no page or contradicts itself; a listing that has no order, or brings the
                same rows for ever.
            ConfigurationError: more than `max_pages` responses.
        """
        walk = _start(position, self._page_size)
        while True:
            async with aclosing(InOrder(self._plan(walk), self._fetch, self._in_flight)) as answers:
                async for window, answer in answers:
                    # Decoded one by one: eight pages at once would keep the loop from landing meanwhile.
                    page = decode_page(answer.content, self._shape)
                    walk.total = _whole_number(page.envelope.get(self._total_field))
                    if not joins(page, window.start, walk.recent, walk.total):
                        self._go_back(walk)
                        break
                    has_more = page.says(self._has_more_field)
                    last = is_last(window, page.row_count, walk.end, total=walk.total, has_more=has_more)
                    yield self._batch(walk, window, page, last=last)
                    if last:
                        return
                    if page.row_count < window.size:
                        walk.size = min(walk.size, max(page.row_count, self._overlap + 1))
                        break

    def _plan(self, walk: "_Walk") -> Iterator[Window]:
        """Give windows from where the walk stands up to the known end of the listing; one where that is not known."""
        planned = walk.end
        while True:
            walk.requests += 1
            if walk.requests > self._max_pages:
                raise ConfigurationError(
                    f"{self._name}: not finished after max_pages = {self._max_pages}; raise it, or read by keyset"
                )
            window = self._windows(max(0, planned - self._overlap), walk.size)
            yield window
            planned = window.start + window.size
            if walk.total is None or planned >= walk.total:
                return

    def _go_back(self, walk: "_Walk") -> None:
        """Go back to where the listing is known, twice as far each time; its start is always known."""
        if walk.rewinds >= _MAX_REWINDS:
            raise CorruptError(
                f"{self._name}: no page joins those before it after {walk.rewinds} tries; the listing has no fixed"
                " order, or changes faster than it can be read"
            )
        walk.end = max(0, walk.end - walk.size * 2**walk.rewinds)
        walk.rewinds += 1

    def _batch(self, walk: "_Walk", window: Window, page: Page, *, last: bool) -> Batch:
        before, walk.end, walk.rewinds = walk.end, max(walk.end, window.start + page.row_count), 0
        records, rejects = walk.recent.unread(page)
        walk.recent.add(page)
        walk.stale = 0 if records or rejects else walk.stale + walk.end - before
        if walk.stale > 4 * _MEMORY_PAGES * self._page_size and not last:  # more than it remembers, going back or not
            raise CorruptError(
                f"{self._name}: the last {walk.stale} rows had all been read before; the server does not know these"
                f" parameters ({', '.join(window.params)}), or rows come faster than they can be read"
            )
        place = None
        if page.records and not last:
            place = msgspec.json.encode((walk.end, page.records[-1].key)).decode()
        return Batch(records, self._positions(self.source, self.stream, place), rejects)

    async def _fetch(self, window: Window) -> httpx.Response:
        return await self._client.request("GET", self._url, params={**self._params, **window.params})


@dataclass
class _Walk:
    """Where one walk stands: *end* rows have been read without a gap, the last *stale* of them nothing new."""

    end: int
    size: int
    recent: Recent
    total: int | None = None
    requests: int = 0
    rewinds: int = 0
    stale: int = 0


def _start(position: ListingPosition | None, page_size: int) -> _Walk:
    walk = _Walk(0, page_size, Recent(_MEMORY_PAGES * page_size))
    if position is not None and position.place is not None:
        walk.end, last_key = msgspec.json.decode(position.place, type=tuple[int, str])
        walk.recent.add_key(last_key)
    return walk


def _whole_number(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
