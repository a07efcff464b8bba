# Made from solutions/m01_rest/13_keyset.ipynb: edit it there.
"""Listings in order of change: each page is asked for by the last row of the page before, so nothing can shift."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingestion.errors import ConfigurationError, ContractViolationError, CorruptError
from ingestion.http.client import HttpClient
from ingestion.http_library import httpx
from ingestion.record import Batch, Record
from ingestion.resilience.retry_after import Now, http_date, utc_now
from ingestion.rest.mark import KeysetPosition, Mark
from ingestion.rest.page import Page, RowMark, RowShape, decode_page

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["MAX_EMPTY_PAGES", "Boundary", "KeysetSource", "Progress", "fresh_rows", "goes_on", "question_after"]


MAX_EMPTY_PAGES = 3
_BEGINNING = datetime.min.replace(tzinfo=UTC)


def question_after(mark: RowMark, *, since_param: str, after_param: str | None) -> dict[str, str]:
    """Give the parameters that ask for the rows after *mark*.

    The instant is spelled as the server spelled it: a clock with more digits than ours would be cut short, and the
    same rows would come again. Without *after_param* the server knows no tie-breaker, and the rows of the mark's
    instant come again.
    """
    tie_breaker = {} if after_param is None else {after_param: mark.key}
    return {since_param: mark.occurred_at_text, **tie_breaker}


@dataclass
class Boundary:
    """The rows of the last instant read: the only ones that an inclusive `since` can give twice."""

    instant: datetime | None = None
    keys: set[str] = field(default_factory=set)


def fresh_rows(records: Sequence[Record], boundary: Boundary) -> tuple[Record, ...]:
    """Give those of *records* that are not on the boundary already, and move the boundary to the last instant of them.

    Rows of one instant may fill several pages: the boundary then grows, and is not replaced.

    Args:
        records: One page, in order of `occurred_at`.
        boundary: What the pages before ended with; changed in place.

    Raises:
        ContractViolationError: the rows are not in order, compared as instants, or start before the boundary.
    """
    previous = boundary.instant
    for record in records:
        if previous is not None and record.occurred_at < previous:
            raise ContractViolationError(
                f"{record.source}.{record.stream}: {record.key} changed before the row in front of it; ask the server"
                " to sort by change, or read the listing by cursor or offset"
            )
        previous = record.occurred_at
    fresh = tuple(r for r in records if r.occurred_at != boundary.instant or r.key not in boundary.keys)
    if previous != boundary.instant:
        boundary.instant, boundary.keys = previous, set()
    boundary.keys.update(record.key for record in records if record.occurred_at == previous)
    return fresh


@dataclass
class Progress:
    """What the pages so far say about the size of a full one.

    Attributes:
        full_page: The fewest rows that were followed by new ones, or the page size asked for.
        last_page: Rows of the last page that brought something new.
        empty_pages: Empty pages since then.
    """

    full_page: int
    last_page: int
    empty_pages: int = 0


def goes_on(progress: Progress, *, rows: int, fresh: int, has_more: bool | None) -> bool:
    """Say whether there may be rows after a page, and note what the page says about a full one.

    Args:
        progress: Changed in place.
        rows: How many rows the page held.
        fresh: How many of them had not come before.
        has_more: The server's word; None if it gives none.

    Raises:
        CorruptError: more than `MAX_EMPTY_PAGES` empty pages in a row that promise more rows.
        ConfigurationError: a full page brought nothing new: asking on would bring it for ever.
    """
    if has_more is False:
        return False
    if fresh:
        progress.full_page = min(progress.full_page, progress.last_page)
        progress.last_page, progress.empty_pages = rows, 0
        return True
    if has_more is None and rows < progress.full_page:
        return False
    if rows:
        raise ConfigurationError(
            f"a page of {rows} rows brought nothing new, yet there are more; raise page_size above the number of rows"
            " that share one instant, or set after_param to the server's tie-breaker"
        )
    progress.empty_pages += 1
    if progress.empty_pages > MAX_EMPTY_PAGES:
        raise CorruptError(f"{progress.empty_pages} empty pages in a row that promise more rows")
    return True


class KeysetSource:
    """Reads the rows of a listing that changed since a position, in the order (changed, key).

    Every row is yielded, however many share an instant: with *after_param* the key breaks the tie on the server,
    without it the rows of the boundary come again and are told apart by their keys. A run that dies resumes with the
    page that did not land. Rows younger than the server's clock minus *lag_s* are yielded too, but the position stays
    before them: a row committed a little late among them is read next time, and a row dated 2099 holds nothing up.

    Args:
        url: The listing, as an absolute URL or relative to the client's base.
        page_size: Rows to ask for; a server that caps it lower is noticed.
        since_param: Takes the instant to read from.
        after_param: Takes the key that breaks the tie; None when the server knows only `changed >= since`.
        lookback_s: How far before its position a run starts, for rows that were committed late.
        lag_s: How far behind the server's clock the position stays.
        max_pages: Responses after which a listing is taken for endless.
        params: Sent with every request.
        positions: The type of position to yield; one that keeps itself makes the walk resumable.
        now: Stands in for the server's clock where it sends none.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        shape: RowShape,
        *,
        page_size: int = 100,
        since_param: str = "since",
        after_param: str | None = "after_id",
        limit_param: str = "limit",
        has_more_field: str = "has_more",
        lookback_s: float = 300.0,
        lag_s: float = 5.0,
        max_pages: int = 1_000_000,
        params: Mapping[str, str] | None = None,
        positions: type[KeysetPosition] = Mark,
        now: Now = utc_now,
    ) -> None:
        if page_size < 1:
            raise ConfigurationError(f"page_size is {page_size}; set it to 1 or more")
        self.source, self.stream = shape.source, shape.stream
        self._name = f"{shape.source}.{shape.stream}"
        self._client, self._url, self._shape = client, url, shape
        self._page_size, self._max_pages, self._has_more_field = page_size, max_pages, has_more_field
        self._since_param, self._after_param = since_param, after_param
        self._lookback_s, self._lag_s = lookback_s, lag_s
        self._params = {**(params or {}), limit_param: str(page_size)}
        self._positions, self._now = positions, now

    async def last_position(self, connection: "AsyncConnection[Any]") -> KeysetPosition | None:
        """Load where the last run stood."""
        return await self._positions.load(connection, self.source, self.stream)

    async def batches(self, position: KeysetPosition | None) -> AsyncIterator[Batch]:
        """Yield a batch for each page from *position* on, the lookback first.

        Raises:
            CorruptError: an answer that is no page.
            ContractViolationError: the listing is not in order.
            ConfigurationError: more rows of one instant than a page holds, with no key to break the tie; or more than
                `max_pages` pages.
        """
        boundary, rejects = Boundary(), frozenset[bytes]()
        progress = Progress(self._page_size, self._page_size)
        question = self._first_question(position)
        for _ in range(self._max_pages):
            response = await self._client.request("GET", self._url, params={**self._params, **question})
            page = decode_page(response.content, self._shape)
            fresh = fresh_rows(page.records, boundary)
            new_rejects = tuple(reject for reject in page.rejects if reject.raw not in rejects)
            rejects = frozenset(reject.raw for reject in page.rejects)
            position = self._advanced(position, page, response)
            yield Batch(fresh, position, new_rejects)
            has_more = page.says(self._has_more_field)
            if not goes_on(progress, rows=page.row_count, fresh=len(fresh) + len(new_rejects), has_more=has_more):
                return
            question = self._next_question(page) if page.row_count else question
        raise ConfigurationError(
            f"{self._name}: not finished after max_pages = {self._max_pages}; raise it if that is right"
        )

    def _first_question(self, position: KeysetPosition | None) -> dict[str, str]:
        if position is None:
            return {}
        if self._lookback_s or not position.key:
            return {self._since_param: _spelled(position.since(self._lookback_s))}
        mark = RowMark(_spelled(position.updated_at), position.key)
        return question_after(mark, since_param=self._since_param, after_param=self._after_param)

    def _next_question(self, page: Page) -> dict[str, str]:
        if page.last is None:
            raise ContractViolationError(
                f"{self._name}: no row of the page has {self._shape.key_field!r} and {self._shape.occurred_at_field!r},"
                " so nothing says where the next page starts"
            )
        return question_after(page.last, since_param=self._since_param, after_param=self._after_param)

    def _advanced(self, position: KeysetPosition | None, page: Page, response: httpx.Response) -> KeysetPosition | None:
        """Move the position to the last row of *page*: the rows are in order, so no other can be later."""
        if not page.records:
            return position
        server_now = http_date(response.headers.get("date", "")) or self._now()
        until = server_now - timedelta(seconds=self._lag_s)
        before = position or self._positions(self.source, self.stream, _BEGINNING)
        return before.advanced(page.records[-1:], until=until)


def _spelled(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
