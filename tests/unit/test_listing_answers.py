"""Listings whose answers lie: each ends in an error of ours, soon, and none in fewer rows."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from ingestion.errors import CorruptError, IngestionError, PermanentError
from ingestion.http.client import HttpClient
from ingestion.http_library import httpx
from ingestion.resilience.retry import RetryPolicy
from ingestion.rest.cursor import BodyCursor, CursorSource, LinkHeader, NextUrl, Trail, next_link
from ingestion.rest.keyset import KeysetSource
from ingestion.rest.offset import OffsetSource
from ingestion.rest.page import RowShape

SHAPE = RowShape(source="shop", stream="orders")
ROWS = [{"id": f"o{number:03}", "updated_at": f"2026-01-01T00:{number:02}:00Z"} for number in range(25)]
HALF_A_CHARACTER = "\ud83d"

Answer = Callable[[dict[str, str]], dict[str, Any]]
Make = Callable[[HttpClient], Any]


class Listing:
    """Answers from the parameters of a request; further headers stand in the page under `headers`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests = 0

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        assert self.requests < 100, "this goes on for ever"
        page = self.answer(dict(request.url.params))
        headers = {"content-type": "application/json", **page.pop("headers", {})}
        return httpx.Response(200, headers=headers, content=json.dumps(page).encode())


def read(answer: Answer, make: Make) -> list[str]:
    async def main() -> list[str]:
        transport = httpx.MockTransport(Listing(answer).handle)
        retry = RetryPolicy(max_attempts=1)
        async with (
            HttpClient("http://api.example.com", transport=transport, retry=retry) as client,
            aclosing(make(client).batches(None)) as batches,
        ):
            return [record.key async for batch in batches for record in batch.records]

    return asyncio.run(main())


def offset(client: HttpClient) -> OffsetSource:
    return OffsetSource(client, "/orders", SHAPE, page_size=10)


def keyset(client: HttpClient) -> KeysetSource:
    return KeysetSource(client, "/orders", SHAPE, page_size=10)


def window(query: dict[str, str]) -> list[dict[str, str]]:
    start = int(query["offset"])
    return ROWS[start : start + int(query["limit"])]


def behind(query: dict[str, str]) -> list[dict[str, str]]:
    mark = query.get("since", ""), query.get("after_id", "")
    return [row for row in ROWS if (row["updated_at"], row["id"]) > mark][:10]


@pytest.mark.parametrize("has_more", ["false", "true", 0, 1, "", [], {}, None])
@pytest.mark.parametrize(("make", "rows"), [(offset, window), (keyset, behind)])
def test_a_has_more_that_is_no_yes_or_no_says_nothing(has_more: Any, make: Make, rows: Any) -> None:
    """It neither ends the listing early nor keeps it going for ever."""
    assert set(read(lambda query: {"data": rows(query), "has_more": has_more}, make)) == {row["id"] for row in ROWS}


@pytest.mark.parametrize("around", [{}, {"total": 500}, {"has_more": True}])
def test_a_server_that_ignores_the_offset_is_noticed(around: dict[str, Any]) -> None:
    """A misspelt parameter gives the first page again and again: that takes some forty requests, not `max_pages`."""
    with pytest.raises(CorruptError, match=r"does not know these parameters \(offset, limit\)"):
        read(lambda query: {"data": ROWS[:10], **around}, offset)


@pytest.mark.parametrize("link", ["http://[::1", "http://h:x/", "/a\0b", "/" + "a" * 70_000, "http://\u2028/"])
@pytest.mark.parametrize("trail", [NextUrl(), LinkHeader()])
def test_a_link_that_is_no_url_is_an_error_of_ours(link: str, trail: Trail) -> None:
    headers = {"link": f"<{link}>; rel=next"} if link.isascii() else {"link": "<http://[::1>; rel=next"}
    with pytest.raises(CorruptError, match="not a URL"):
        read(lambda _: {"data": ROWS[:1], "next": link, "headers": headers}, lambda client: listing(client, trail))


@pytest.mark.parametrize("trail", [BodyCursor(), NextUrl(field="next_cursor")])
def test_a_token_with_half_a_character_is_an_error_of_ours(trail: Trail) -> None:
    page = {"data": ROWS[:1], "next_cursor": HALF_A_CHARACTER}
    with pytest.raises(CorruptError):
        read(lambda _: dict(page), lambda client: listing(client, trail))


@pytest.mark.parametrize("link", ["http://evil.example/x", "//evil.example/x", "file:///etc/passwd"])
def test_a_link_elsewhere_is_refused(link: str) -> None:
    with pytest.raises(PermanentError, match="refused to call"):
        read(lambda _: {"data": ROWS[:1], "next": link}, lambda client: listing(client, NextUrl()))


def listing(client: HttpClient, trail: Trail) -> CursorSource:
    return CursorSource(client, "/orders", SHAPE, trail)


@pytest.mark.parametrize(
    "date", ["Wed, 99999999999999999999999 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 +" + "9" * 30, "?"]
)
def test_a_date_that_is_none_ends_no_run(date: str) -> None:
    came = read(lambda query: {"data": behind(query), "headers": {"date": date}}, keyset)
    assert came == [row["id"] for row in ROWS]


def test_a_row_with_half_a_character_at_the_end_of_a_page_is_walked_past() -> None:
    bad = {"id": HALF_A_CHARACTER, "updated_at": "2026-01-01T00:09:30Z"}
    rows = sorted([*ROWS, bad], key=lambda row: (row["updated_at"], row["id"]))

    def answer(query: dict[str, str]) -> dict[str, Any]:
        mark = query.get("since", ""), query.get("after_id", "")
        return {"data": [row for row in rows if (row["updated_at"], row["id"]) > mark][:11]}

    assert read(answer, keyset) == [row["id"] for row in ROWS]


LINKS = {
    # requests: tests of parse_header_links, an empty parameter at the end
    "</a>; rel=next;": "/a",
    '</b>; rel="prev";, </a>; rel="next"; ;': "/a",
    # RFC 8288, appendix B: spaces, parameters without a value, quotes without an end, text after them
    "</a> ; rel = next": "/a",
    "</a>; foo; rel=next": "/a",
    '</a>; rel="next': "/a",
    '</a>; rel="next"x': "/a",
    "</a>; title=a b c; rel=next": "/a",
    "</a>; rel=prev next": "/a",
    '</b>; title="\\"; rel=next"; rel=prev': None,
    '</b>; title="</c>; rel=next", </a>; rel=next': "/a",
    "</b>; rel=nextish, </c> rel=next": None,
}


@pytest.mark.parametrize("header", LINKS)
def test_a_link_header_is_read_as_leniently_as_the_rfc_does(header: str) -> None:
    """A `next` that is not seen ends the listing early, and nobody hears of it."""
    assert next_link(header) == LINKS[header]


@pytest.mark.parametrize("piece", [";a=  ", "<", " ", '<u>;a="', "<u>;a", ';a="\\', "=", "<u>; "])
def test_a_hostile_link_header_is_read_in_linear_time(piece: str) -> None:
    """Thirty times `;a= ` used to take for ever."""
    started_s = time.process_time()
    assert next_link("<u>" + piece * (100_000 // len(piece)) + '"') is None
    assert time.process_time() - started_s < 2


def test_every_error_is_one_of_ours() -> None:
    for value in (HALF_A_CHARACTER, "http://[", 0.5, True, {}, [], "\0", "\n"):
        for trail in (BodyCursor(), NextUrl(field="next_cursor")):
            with pytest.raises(IngestionError):
                read(lambda _, value=value: {"data": ROWS[:1], "next_cursor": value}, lambda c, t=trail: listing(c, t))  # type: ignore[misc]
