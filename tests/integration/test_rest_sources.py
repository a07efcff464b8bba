"""The REST sources against the mock provider: every row once, whatever the listing does meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from ingestion.errors import ConfigurationError, CorruptError, IngestionError, PermanentError
from ingestion.http.client import HttpClient
from ingestion.record import Batch
from ingestion.rest.cursor import BodyCursor, CursorSource, LinkHeader, NextUrl
from ingestion.rest.keyset import KeysetSource
from ingestion.rest.mark import Mark
from ingestion.rest.offset import OffsetSource
from ingestion.rest.page import RowShape
from ingestion.rest.place import Place
from ingestion.rest.windows import numbered_windows, offset_windows
from workbook.providers.order_book import fixture_rows

SHAPE = RowShape(source="shop", stream="orders")
ARRAY = RowShape(source="shop", stream="orders", rows_field=None)
ALL_IDS = {row.id for row in fixture_rows()}
WINDOWS = {"offset": offset_windows(), "pages": numbered_windows()}
Api = Callable[..., Any]


class Source(Protocol):
    def batches(self, position: Any) -> Any: ...


async def read(session: Any, make: Callable[[HttpClient], Source], position: Any = None) -> list[Batch]:
    async with HttpClient(session.base_url) as client, aclosing(make(client).batches(position)) as stream:
        return [batch async for batch in stream]


def keys(batches: list[Batch]) -> list[str]:
    return [record.key for batch in batches for record in batch.records]


def offset(kind: str = "offset", **options: Any) -> Callable[[HttpClient], Source]:
    return lambda client: OffsetSource(client, f"/orders/{kind}", SHAPE, windows=WINDOWS[kind], **options)


def keyset(**options: Any) -> Callable[[HttpClient], Source]:
    return lambda client: KeysetSource(client, "/orders/keyset", SHAPE, **options)


def cursor(**options: Any) -> Callable[[HttpClient], Source]:
    return lambda client: CursorSource(client, "/orders/cursor", SHAPE, BodyCursor(), **options)


EVERY_WAY = {
    "offset": offset(),
    "pages": offset("pages"),
    "keyset": keyset(),
    "cursor": cursor(),
    "link": lambda client: CursorSource(client, "/orders/link", ARRAY, LinkHeader()),
    "next_url": lambda client: CursorSource(client, "/orders/next_url", SHAPE, NextUrl()),
}


@pytest.mark.parametrize("way", EVERY_WAY)
@pytest.mark.parametrize("scenario", ["calm", "small_pages", "rough_day"])
def test_every_way_gives_every_row_once(api: Api, way: str, scenario: str) -> None:
    """P8: also when the server caps the page size, and through a rough day."""
    assert Counter(keys(asyncio.run(read(api(scenario), EVERY_WAY[way])))) == Counter(ALL_IDS)


@pytest.mark.parametrize("way", ["offset", "pages", "keyset", "cursor"])
def test_a_short_or_empty_page_is_not_the_end(api: Api, way: str) -> None:
    """P8."""
    assert set(keys(asyncio.run(read(api("short_pages"), EVERY_WAY[way])))) == ALL_IDS


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("change", [{"insert": 3}, {"insert": 250}, {"delete": 1}, {"delete": 3}, {"delete": 120}])
@pytest.mark.parametrize("after_pages", [1, 2, 5])
def test_rows_that_come_or_go_while_paging_cost_no_other(
    api: Api, kind: str, in_flight: int, change: dict[str, int], after_pages: int
) -> None:
    """P6: every row that was there from beginning to end comes exactly once after removing re-reads by key."""
    session = api(mutations=[{"after_pages": after_pages, **change}])
    found = set(keys(asyncio.run(read(session, offset(kind, in_flight=in_flight)))))
    newest_first = [row.id for row in reversed(fixture_rows())]
    assert found >= set(newest_first[change.get("delete", 0) :])


@pytest.mark.parametrize("kind", WINDOWS)
def test_rows_that_go_and_come_in_equal_number_are_noticed(api: Api, kind: str) -> None:
    """P6: the total stays the same; only the seam shows it."""
    doomed = [row.id for row in reversed(fixture_rows())][:5]
    session = api(mutations=[{"after_pages": 2, "delete_ids": doomed}, {"after_pages": 4, "insert": 5}])
    assert set(keys(asyncio.run(read(session, offset(kind, in_flight=1))))) >= ALL_IDS - set(doomed)


def test_a_total_that_shrinks_or_grows_ends_nothing_early(api: Api) -> None:
    """P9."""
    for totals in ([500, 480, 300], [300, 480, 500], [500, 600, 10_000], [100, 0]):
        assert set(keys(asyncio.run(read(api(totals=totals), offset())))) == ALL_IDS, totals


def test_windows_are_fetched_together_and_yielded_in_order(api: Api) -> None:
    """P10: with 60 ms a page, four in flight take less than half the time of one."""
    times = {}
    for in_flight in (1, 4):
        session = api(rows=2_000, latency_ms=60)
        started = time.perf_counter()
        batches = asyncio.run(read(session, offset(in_flight=in_flight)))
        times[in_flight] = time.perf_counter() - started
        assert keys(batches) == [f"ord_{n:09d}" for n in range(2_000, 0, -1)]
    assert times[4] < times[1] / 2


def test_a_window_that_fails_leaves_all_before_it(api: Api) -> None:
    """P10: page k fails, the position is that of page k - 1."""
    fault = {"path": "/orders/offset", "query": {"offset": "297"}, "fault": {"status": 404}}
    session = api(faults_at=[fault])
    landed: list[Batch] = []

    async def go() -> None:
        async with HttpClient(session.base_url) as client:
            async for batch in offset(in_flight=8)(client).batches(None):
                landed.append(batch)  # noqa: PERF401 (it ends in an error, and what came before it counts)

    with pytest.raises(PermanentError):
        asyncio.run(go())
    assert len(keys(landed)) == 298
    rest = asyncio.run(read(session, offset(), landed[-1].position))
    assert set(keys(landed + rest)) == ALL_IDS
    assert len(keys(rest)) <= 500 - 298 + 1


@pytest.mark.parametrize("way", EVERY_WAY)
def test_a_walk_resumes_from_every_position(api: Api, way: str) -> None:
    """P11: stop after any page, go on from its position: nothing is lost, and at most a page is read twice."""
    for stop_after in range(1, 5):
        session = api()
        done = asyncio.run(read(session, EVERY_WAY[way]))[:stop_after]
        rest = asyncio.run(read(session, EVERY_WAY[way], done[-1].position))
        assert set(keys(done + rest)) == ALL_IDS
        assert len(keys(done + rest)) <= 600


@pytest.mark.parametrize("way", ["offset", "pages", "cursor", "link", "next_url"])
def test_a_finished_walk_starts_over(api: Api, way: str) -> None:
    last = asyncio.run(read(api(), EVERY_WAY[way]))[-1].position
    assert last == Place("shop", "orders", None)


@pytest.mark.parametrize("scenario", ["repeated_cursor", "cursor_cycle"])
def test_a_circle_is_refused_within_one_cycle(api: Api, scenario: str) -> None:
    """P1: A, B, A, B is seen as well as A, A."""
    session = api(scenario)
    with pytest.raises(CorruptError, match="circle"):
        asyncio.run(read(session, cursor()))
    assert session.requests() <= 4


def test_a_constant_handle_is_followed_when_asked_for(api: Api) -> None:
    """P2."""
    assert set(keys(asyncio.run(read(api("scroll"), cursor(constant_token=True))))) == ALL_IDS
    with pytest.raises(CorruptError, match="circle"):
        asyncio.run(read(api("scroll"), cursor()))


def test_a_constant_handle_that_stands_still_is_refused(api: Api) -> None:
    """P2: token and page both repeat."""
    with pytest.raises(CorruptError, match="circle"):
        asyncio.run(read(api("repeated_cursor"), cursor(constant_token=True)))


@pytest.mark.parametrize("way", EVERY_WAY)
def test_max_pages_ends_every_walk(api: Api, way: str) -> None:
    """P3."""
    makers = {
        "offset": offset(max_pages=2),
        "pages": offset("pages", max_pages=2),
        "keyset": keyset(max_pages=2),
        "cursor": cursor(max_pages=2),
        "link": lambda client: CursorSource(client, "/orders/link", ARRAY, LinkHeader(), max_pages=2),
        "next_url": lambda client: CursorSource(client, "/orders/next_url", SHAPE, NextUrl(), max_pages=2),
    }
    session = api()
    with pytest.raises(ConfigurationError, match="max_pages"):
        asyncio.run(read(session, makers[way]))
    assert session.requests() <= 5


@pytest.mark.parametrize("style", ["opaque", "spaced", "zero"])
@pytest.mark.parametrize("end_cursor", ["null", "empty", "absent"])
def test_tokens_are_sent_back_as_they_came(api: Api, style: str, end_cursor: str) -> None:
    """P4: spaces and signs count, 0 is a token, and each spelling of the end is one."""
    session = api(cursor_style=style, end_cursor=end_cursor)
    assert keys(asyncio.run(read(session, cursor()))).__len__() == 500


@pytest.mark.parametrize("way", ["link", "next_url"])
def test_links_may_be_relative(api: Api, way: str) -> None:
    assert set(keys(asyncio.run(read(api(relative_links=True), EVERY_WAY[way])))) == ALL_IDS


@pytest.mark.parametrize("way", ["link", "next_url"])
def test_a_link_to_another_origin_is_refused(api: Api, way: str) -> None:
    """P5."""
    elsewhere = api()
    origin = elsewhere.base_url.partition("/s/")[0].replace("127.0.0.1", "localhost")
    session = api(next_origin=origin)
    with pytest.raises(IngestionError):
        asyncio.run(read(session, EVERY_WAY[way]))
    assert session.requests() == 1


@pytest.mark.parametrize("status", [400, 410])
def test_an_expired_cursor_starts_the_walk_over(api: Api, status: int) -> None:
    """P12: nothing is skipped."""
    session = api("expired_cursor", cursor_expired_status=status)
    assert set(keys(asyncio.run(read(session, cursor())))) == ALL_IDS
    stale = Place("shop", "orders", "WzAsMSwib3JkXzAwMDAwMSJd")
    session = api(cursor_expires_after_pages=0, cursor_expired_status=status)
    assert set(keys(asyncio.run(read(session, cursor(), stale)))) == ALL_IDS


@pytest.mark.parametrize("way", EVERY_WAY)
@pytest.mark.parametrize("scenario", ["html_200", "error_200", "cut_json"])
def test_a_200_that_is_no_page_is_not_the_end(api: Api, way: str, scenario: str) -> None:
    """P13."""
    with pytest.raises(CorruptError):
        asyncio.run(read(api(scenario), EVERY_WAY[way]))


@pytest.mark.parametrize("after_param", ["after_id", None])
def test_rows_of_one_instant_are_all_read(api: Api, after_param: str | None) -> None:
    """P7: 500 rows with one timestamp, 100 a page; without a tie-breaker it is refused, not cut short."""
    if after_param:
        assert Counter(keys(asyncio.run(read(api("ties"), keyset())))) == Counter(ALL_IDS)
    else:
        with pytest.raises(ConfigurationError, match="page_size"):
            asyncio.run(read(api("ties"), keyset(after_param=None)))
        wide = keyset(after_param=None, page_size=500)
        assert set(keys(asyncio.run(read(api("ties", max_limit=500), wide)))) == ALL_IDS


def test_without_a_tie_breaker_boundary_rows_come_again_and_are_dropped(api: Api) -> None:
    """P7: only `changed >= since` to be had, pages that end inside a crowd of equal timestamps."""
    for page_size in (200, 250, 499, 500):
        make = keyset(after_param=None, page_size=page_size)
        assert Counter(keys(asyncio.run(read(api(max_limit=500), make)))) == Counter(ALL_IDS), page_size


def test_a_run_that_resumes_inside_an_instant_loses_nothing(api: Api) -> None:
    """P7: the position inside a crowd of equal timestamps is its key."""
    session = api("ties")
    done = asyncio.run(read(session, keyset(lookback_s=0)))[:2]
    rest = asyncio.run(read(session, keyset(lookback_s=0), done[-1].position))
    assert Counter(keys(done + rest)) == Counter(ALL_IDS)


def test_a_row_committed_late_is_read_next_time(api: Api) -> None:
    """W8."""
    late = "2026-03-29T02:30:00Z"
    session = api(mutations=[{"after_pages": 5, "insert": 1, "updated_at": late}])
    first = asyncio.run(read(session, keyset(lookback_s=300)))
    second = asyncio.run(read(session, keyset(lookback_s=300), first[-1].position))
    assert len(set(keys(second)) - set(keys(first))) == 1


def test_a_row_of_the_year_2099_holds_nothing_up(api: Api) -> None:
    """W5, W6: it lands, and the position stays at the server's clock."""
    session = api("future_row")
    batches = asyncio.run(read(session, keyset()))
    assert set(keys(batches)) == ALL_IDS
    position = batches[-1].position
    assert isinstance(position, Mark)
    assert position.updated_at <= datetime.now(UTC) - timedelta(seconds=5)


def test_the_bound_is_the_servers_clock_not_ours(api: Api) -> None:
    """W5."""
    session = api("future_row", clock_skew_s=-86_400)
    position = asyncio.run(read(session, keyset()))[-1].position
    assert isinstance(position, Mark)
    assert position.updated_at <= datetime.now(UTC) - timedelta(days=1)


def test_an_empty_run_keeps_the_watermark(api: Api) -> None:
    """W12."""
    mark = Mark("shop", "orders", datetime(2098, 1, 1, tzinfo=UTC), "x")
    [batch] = asyncio.run(read(api(), keyset(), mark))
    assert batch.position == mark
    assert not batch.records
    [batch] = asyncio.run(read(api(rows=0), keyset()))
    assert batch.position is None


def test_poison_rows_are_set_aside_and_the_rest_read(api: Api) -> None:
    """D1, D9: also when the poison sits where the next page is asked for from."""
    kinds = ["bad_date", "nul", "lone_surrogate", "missing_id", "epoch_date", "not_an_object"]
    for seed in range(5):
        session = api("poison", seed=seed, poison=24, poison_kinds=kinds)
        for way in ("offset", "pages", "keyset", "cursor", "next_url"):
            batches = asyncio.run(read(session, EVERY_WAY[way]))
            rejects = [reject for batch in batches for reject in batch.rejects]
            assert len(set(keys(batches))) == 476, way
            assert len(rejects) == len({reject.raw for reject in rejects}) == 24, way


def test_a_consumer_that_stops_leaves_no_request_running(api: Api) -> None:
    async def go() -> set[Awaitable[Any]]:
        session = api(rows=10_000, latency_ms=50)
        async with HttpClient(session.base_url) as client:
            async with aclosing(offset(in_flight=8)(client).batches(None)) as stream:
                async for _ in stream:
                    break
            return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(go()) == set()
