"""What goes wrong with data and pages: rows that move, cursors that circle, links that lead away."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from workbook.providers import Provider, serve
from workbook.providers.data_view import POISON_KINDS, first_book
from workbook.providers.scenarios import options_for


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serve() as running:
        yield running


@pytest.fixture
def meet(provider: Provider) -> Iterator[Callable[..., httpx.Client]]:
    opened: list[Any] = []

    def open_api(scenario: str = "calm", **options: object) -> httpx.Client:
        session = provider.session(scenario, **options)  # type: ignore[arg-type]
        opened.append(session)
        opened.append(httpx.Client(base_url=session.base_url))
        return opened[-1]

    yield open_api
    for each in opened:
        each.close()


def page(api: httpx.Client, n: int) -> dict:
    return api.get("/orders/pages", params={"page": n}).json()


def ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]


def cursors(api: httpx.Client, pages: int) -> list[tuple[object, list[str]]]:
    """The next cursor and the ids of each page, following cursors."""
    seen: list[tuple[object, list[str]]] = []
    params: dict = {}
    for _ in range(pages):
        body = api.get("/orders/cursor", params=params).json()
        seen.append((body.get("next_cursor"), ids(body["data"])))
        params["cursor"] = body.get("next_cursor")
    return seen


def test_rows_inserted_at_the_head_show_rows_twice(meet) -> None:
    api = meet("inserted_rows")
    first, second, third = (ids(page(api, n)["data"]) for n in (1, 2, 3))
    assert not set(first) & set(second)
    assert second[-3:] == third[:3]
    assert page(api, 1)["total"] == 503
    assert ids(page(api, 1)["data"])[:4] == ["ord_900003", "ord_900002", "ord_900001", "ord_000500"]


def test_rows_deleted_at_the_head_hide_rows(meet) -> None:
    api = meet("deleted_rows")
    seen = [order for n in range(1, 6) for order in ids(page(api, n)["data"])]
    assert len(seen) == len(set(seen)) == 497
    hidden = {f"ord_{n:06d}" for n in range(1, 501)} - set(seen)
    assert hidden == {"ord_000298", "ord_000299", "ord_000300"}


def test_cursors_do_not_shift_with_inserts(meet) -> None:
    seen = [order for _, rows in cursors(meet("inserted_rows"), 5) for order in rows]
    assert len(seen) == len(set(seen)) == 500


def test_an_updated_row_comes_again_at_the_end_of_the_keyset(meet) -> None:
    api = meet("updated_rows")
    rows: list[dict] = []
    more = True
    while more:
        after = {"since": rows[-1]["updated_at"], "after_id": rows[-1]["id"]} if rows else {}
        body = api.get("/orders/keyset", params=after).json()
        rows, more = rows + body["data"], body["has_more"]
    assert len(rows) == 503
    assert ids(rows)[-3:] == ids(rows)[:3]
    assert [row["version"] for row in rows[-3:]] == [row["version"] + 1 for row in rows[:3]]


def test_a_failed_page_changes_nothing(meet) -> None:
    api = meet(
        "inserted_rows",
        mutations=[{"after_pages": 1, "insert": 1}],
        faults=[{"cut_json": True}, {"html": True}],
    )
    api.get("/orders/pages")
    api.get("/orders/pages")
    assert page(api, 1)["total"] == 500
    assert page(api, 1)["total"] == 501


def test_rows_named_by_id_and_a_row_committed_late(meet) -> None:
    late = {"after_pages": 1, "insert": 1, "updated_at": "2026-01-05T00:00:00Z"}
    named = {"after_pages": 2, "delete_ids": ["ord_000500"], "update_ids": ["ord_000001"]}
    api = meet(mutations=[late, named])
    page(api, 1)
    first = api.get("/orders/keyset", params={"limit": 1}).json()["data"]
    assert ids(first) == ["ord_900001"]
    assert api.get("/orders/ord_000500").status_code == 404
    assert api.get("/orders/ord_000001").json()["status"] == "amended"


def test_a_cursor_that_repeats(meet) -> None:
    seen = cursors(meet("repeated_cursor"), 4)
    assert seen[1][0] == seen[0][0]
    assert seen[1] == seen[2] == seen[3]


def test_cursors_that_circle(meet) -> None:
    tokens = [token for token, _ in cursors(meet("cursor_cycle"), 6)]
    assert tokens[:2] == tokens[2:4] == tokens[4:6]
    assert tokens[0] != tokens[1]


@pytest.mark.parametrize("style", ["opaque", "spaced", "zero", "scroll"])
def test_every_style_of_cursor_leads_to_the_end(meet, style: str) -> None:
    seen = cursors(meet(cursor_style=style), 5)
    assert len({order for _, rows in seen for order in rows}) == 500
    tokens = [token for token, _ in seen]
    assert tokens[-1] is None
    if style == "zero":
        assert tokens[:4] == [0, 1, 2, 3]
    if style == "scroll":
        assert len(set(tokens[:4])) == 1
    if style == "spaced":
        assert all(token.startswith(" ") and token.endswith("+/= ") for token in tokens[:4])


def test_a_spaced_cursor_must_not_be_trimmed(meet) -> None:
    api = meet(cursor_style="spaced")
    token = api.get("/orders/cursor").json()["next_cursor"]
    assert api.get("/orders/cursor", params={"cursor": token.strip()}).status_code == 400
    assert api.get("/orders/cursor", params={"cursor": token}).status_code == 200


@pytest.mark.parametrize(
    ("end", "expected"), [("null", {"next_cursor": None}), ("empty", {"next_cursor": ""}), ("absent", {})]
)
def test_the_end_is_spelled_as_told(meet, end: str, expected: dict) -> None:
    body = meet(end_cursor=end, rows=10).get("/orders/cursor").json()
    assert {key: value for key, value in body.items() if key == "next_cursor"} == expected
    assert body["has_more"] is False


@pytest.mark.parametrize("status", [410, 400])
def test_cursors_expire_once(meet, status: int) -> None:
    api = meet("expired_cursor", cursor_expired_status=status)
    token = cursors(api, 3)[-1][0]
    refused = api.get("/orders/cursor", params={"cursor": token})
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, "cursor_expired")
    assert len({order for _, rows in cursors(api, 5) for order in rows}) == 500


def test_links_may_lead_to_another_origin_or_be_relative(meet) -> None:
    api = meet("foreign_next")
    assert api.get("/orders/next_url").json()["next"].startswith("http://127.0.0.1:9/s/")
    assert api.get("/orders/link").links["next"]["url"].startswith("http://127.0.0.1:9/s/")
    assert meet(relative_links=True).get("/orders/next_url").json()["next"].startswith("/s/")


def test_a_short_page_is_not_the_last(meet) -> None:
    seen = cursors(meet("short_pages"), 7)
    assert [len(rows) for _, rows in seen] == [100, 37, 0, 100, 100, 100, 63]
    assert [token is None for token, _ in seen] == [False] * 6 + [True]
    assert len({order for _, rows in seen for order in rows}) == 500


def test_the_server_caps_the_limit_and_says_so(meet) -> None:
    body = meet("small_pages").get("/orders/offset", params={"limit": 100}).json()
    assert (body["limit"], len(body["data"])) == (50, 50)


def test_the_total_shrinks(meet) -> None:
    api = meet("shrinking_total")
    assert [page(api, n)["total"] for n in (1, 2, 3, 4)] == [500, 480, 300, 300]


def test_ties_are_all_of_one_instant(meet) -> None:
    api = meet("ties")
    stamps = {row["updated_at"] for n in range(1, 6) for row in page(api, n)["data"]}
    assert stamps == {"2026-03-01T00:00:00Z"}
    stuck = api.get("/orders/keyset", params={"since": "2026-03-01T00:00:00Z"}).json()
    assert stuck["has_more"] is True
    assert len(stuck["data"]) == 100


def test_one_row_is_from_the_future(meet) -> None:
    body = meet("future_row").get("/orders/keyset", params={"since": "2027-01-01T00:00:00Z"}).json()
    assert [row["updated_at"] for row in body["data"]] == ["2099-01-01T00:00:00Z"]
    bounded = meet("future_row").get("/orders/keyset", params={"until": "2026-12-01T00:00:00Z"})
    assert bounded.status_code == 200


def test_poison_is_of_every_kind_and_the_rest_is_sound(meet) -> None:
    api = meet(poison=len(POISON_KINDS))
    raw = b"".join(api.get("/orders/pages", params={"page": n}).content for n in range(1, 6))
    rows = [row for n in range(1, 6) for row in page(api, n)["data"]]
    sound = [
        row
        for row in rows
        if isinstance(row, dict)
        and "id" in row
        and isinstance(row["total"], str)
        and isinstance(row["updated_at"], str)
        and "," not in row["total"]
        and not row["updated_at"].startswith("2026-02-30")
        and "\x00" not in row["customer"]["name"]
        and "\ud83d" not in row["customer"]["name"]
    ]
    assert (len(rows), len(sound)) == (500, 500 - len(POISON_KINDS))
    assert b"\\u0000" in raw
    assert b"\\ud83d" in raw
    assert sum(isinstance(row, str) for row in rows) == 1


def test_data_is_the_seeds_alone() -> None:
    def encoded(seed: int) -> list[bytes]:
        return [row.encoded for row in first_book(options_for("poison", {"poison": 9, "future_row": True}), seed).rows]

    assert encoded(3) == encoded(3)
    assert encoded(3) != encoded(4)
