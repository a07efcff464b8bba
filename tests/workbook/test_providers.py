"""The orders API without faults: each kind of pagination serves each order once, and sessions are private."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime

import httpx
import pytest

from workbook.providers import Provider, open_session, serve
from workbook.providers.app import create_app

ALL_IDS = {f"ord_{n:06d}" for n in range(1, 501)}
LINE = {"customer": {"name": "Ada"}, "total": "1.00"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serve() as running:
        yield running


@pytest.fixture
def api(provider: Provider) -> Iterator[httpx.Client]:
    with provider.session() as session, httpx.Client(base_url=session.base_url) as client:
        yield client


def by_offset(api: httpx.Client) -> Iterator[list[dict]]:
    offset = 0
    while (page := api.get("/orders/offset", params={"offset": offset, "limit": 100}).json())["data"]:
        assert (page["total"], page["offset"], page["limit"]) == (500, offset, 100)
        yield page["data"]
        offset += len(page["data"])


def by_page(api: httpx.Client) -> Iterator[list[dict]]:
    for n in range(1, 6):
        page = api.get("/orders/pages", params={"page": n, "per_page": 100}).json()
        assert (page["page"], page["per_page"], page["pages"], page["total"]) == (n, 100, 5, 500)
        yield page["data"]


def by_cursor(api: httpx.Client) -> Iterator[list[dict]]:
    params: dict = {"limit": 100}
    while True:
        page = api.get("/orders/cursor", params=params).json()
        yield page["data"]
        assert page["has_more"] is (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            return
        params["cursor"] = page["next_cursor"]


def by_link(api: httpx.Client) -> Iterator[list[dict]]:
    url = "/orders/link"
    while True:
        answer = api.get(url)
        yield answer.json()
        if "next" not in answer.links:
            return
        url = answer.links["next"]["url"]


def by_next_url(api: httpx.Client) -> Iterator[list[dict]]:
    url = "/orders/next_url"
    while url is not None:
        page = api.get(url).json()
        yield page["data"]
        url = page["next"]


def by_keyset(api: httpx.Client) -> Iterator[list[dict]]:
    params: dict = {"limit": 100}
    while True:
        page = api.get("/orders/keyset", params=params).json()
        yield page["data"]
        if not page["has_more"]:
            return
        params |= {"since": page["data"][-1]["updated_at"], "after_id": page["data"][-1]["id"]}


@pytest.mark.parametrize("pages", [by_offset, by_page, by_cursor, by_link, by_next_url, by_keyset])
def test_five_pages_hold_each_order_once(api: httpx.Client, pages) -> None:
    served = list(pages(api))
    assert [len(page) for page in served] == [100] * 5
    assert {order["id"] for page in served for order in page} == ALL_IDS


@pytest.mark.parametrize("pages", [by_offset, by_page, by_cursor, by_link, by_next_url])
def test_lists_are_newest_first(api: httpx.Client, pages) -> None:
    ids = [order["id"] for page in pages(api) for order in page]
    assert ids == sorted(ALL_IDS, reverse=True)


def test_keyset_is_in_order_of_update_as_instants(api: httpx.Client) -> None:
    keys = [(datetime.fromisoformat(o["updated_at"]), o["id"]) for page in by_keyset(api) for o in page]
    assert keys == sorted(keys)


def test_keyset_window_is_half_open(api: httpx.Client) -> None:
    tie = "2026-02-14T09:26:53Z"
    at_or_after = api.get("/orders/keyset", params={"since": tie, "limit": 1}).json()["data"][0]
    assert datetime.fromisoformat(at_or_after["updated_at"]) == datetime.fromisoformat(tie)
    upto = api.get("/orders/keyset", params={"since": tie, "until": tie}).json()
    assert upto == {"data": [], "has_more": False}
    other_spelling = {"since": "2026-02-14T10:26:53.000000+01:00", "limit": 1}
    assert api.get("/orders/keyset", params=other_spelling).json()["data"][0]["id"] == at_or_after["id"]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/orders/offset", {"limit": "0"}),
        ("/orders/offset", {"offset": "-1"}),
        ("/orders/pages", {"page": "one"}),
        ("/orders/cursor", {"cursor": "garbage"}),
        ("/orders/keyset", {"since": "yesterday"}),
        ("/orders/keyset", {"since": "2026-01-01T00:00:00"}),
        ("/orders/keyset", {"after_id": "ord_000001"}),
    ],
)
def test_bad_parameters_are_the_clients_fault(api: httpx.Client, path: str, params: dict) -> None:
    answer = api.get(path, params=params)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


def test_limit_is_capped_and_pages_past_the_end_are_empty(api: httpx.Client) -> None:
    assert len(api.get("/orders/offset", params={"limit": 10_000}).json()["data"]) == 100
    assert api.get("/orders/pages", params={"page": 9}).json()["data"] == []


def test_one_order_and_none(api: httpx.Client) -> None:
    assert api.get("/orders/ord_000042").json()["id"] == "ord_000042"
    assert api.get("/orders/ord_999999").status_code == 404
    assert api.get("/nothing/here").status_code == 404


def test_every_answer_has_one_date(api: httpx.Client) -> None:
    for path in ("/orders/offset", "/orders/nope", "/orders/offset?limit=x"):
        assert len(api.get(path).headers.get_list("date")) == 1


def test_posting_twice_with_one_key_makes_one_order(api: httpx.Client) -> None:
    key = {"Idempotency-Key": "k1"}
    first = api.post("/orders", json=LINE, headers=key)
    again = api.post("/orders", json=LINE, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert api.get("/orders/offset").json()["total"] == 501
    assert api.get(first.headers["location"]).content == first.content
    assert api.post("/orders", json={"total": "2.00"}, headers=key).status_code == 422


def test_posting_twice_without_a_key_makes_two_orders(api: httpx.Client) -> None:
    assert api.post("/orders", json=LINE).json()["id"] != api.post("/orders", json=LINE).json()["id"]
    assert api.get("/orders/offset").json()["total"] == 502
    assert api.post("/orders", content=b"not json").status_code == 400


def test_sessions_do_not_see_each_other(provider: Provider) -> None:
    with provider.session("down") as one, provider.session() as other:
        assert httpx.get(f"{one.base_url}/orders/offset").status_code == 503
        assert httpx.get(f"{other.base_url}/orders/offset").status_code == 200
        httpx.post(f"{other.base_url}/orders", json=LINE)
        assert (one.requests(), other.requests()) == (1, 2)
        one.change(faults=[])
        assert httpx.get(f"{one.base_url}/orders/offset").json()["total"] == 500


def test_the_root_is_a_calm_session_with_a_journal_of_its_own(provider: Provider) -> None:
    httpx.delete(f"{provider.root}/_mock/journal")
    assert httpx.get(f"{provider.root}/orders/pages").status_code == 200
    assert [entry["path"] for entry in httpx.get(f"{provider.root}/_mock/journal").json()] == ["/orders/pages"]


def test_a_closed_session_is_gone(provider: Provider) -> None:
    with provider.session() as session:
        pass
    answer = httpx.get(f"{session.base_url}/orders/offset")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_session")


def test_what_does_not_exist_is_named(provider: Provider) -> None:
    with pytest.raises(ValueError, match=r"no scenario 'stormy'.*rough_day"):
        provider.session("stormy")
    with pytest.raises(ValueError, match="colour"):
        provider.session(colour="red")
    with pytest.raises(ValueError, match="burst >= 1"):
        provider.session(rate_per_s=5, burst=0)
    with provider.session() as session, pytest.raises(ValueError, match="rows: fixed"):
        session.change(rows=5)


def test_open_session_finds_the_provider_in_the_environment(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCK_API_URL", provider.root + "/")
    with open_session() as session:
        assert session.base_url.startswith(f"{provider.root}/s/")
    monkeypatch.delenv("MOCK_API_URL")
    with pytest.raises(LookupError, match="make up"):
        open_session()


def test_the_journal_is_exact(provider: Provider) -> None:
    with provider.session(faults=[None, {"status": 503}]) as session:
        headers = {"Authorization": "Bearer secret", "Idempotency-Key": "k", "User-Agent": "me/1"}
        httpx.get(f"{session.base_url}/orders/pages?page=2&x=%20", headers=headers)
        httpx.post(f"{session.base_url}/orders", json=LINE)
        httpx.get(f"{session.base_url}/health")
        first, second = session.journal()
        assert first == {
            "n": 1,
            "at_monotonic_s": first["at_monotonic_s"],
            "method": "GET",
            "path": "/orders/pages",
            "query": "page=2&x=%20",
            "headers": {"authorization": True, "idempotency-key": "k", "user-agent": "me/1"},
            "status": 200,
            "fault": None,
        }
        assert (second["n"], second["method"], second["status"], second["fault"]) == (
            2,
            "POST",
            503,
            "status_503",
        )
        assert second["at_monotonic_s"] > first["at_monotonic_s"]
        session.clear_journal()
        assert session.requests() == 0


@pytest.mark.asyncio
async def test_the_app_also_runs_in_process() -> None:
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://mock") as client:
        answer = await client.post("/_mock/sessions", json={"options": {"faults": [{"reset": "mid_body"}]}})
        base_url = answer.json()["base_url"]
        with pytest.raises(ConnectionResetError):
            await client.get(f"{base_url}/orders/offset")
        assert (await client.get(f"{base_url}/orders/offset")).json()["total"] == 500


def test_synthetic_orders_by_the_thousand(provider: Provider) -> None:
    with (
        provider.session(rows=2_000, max_limit=500) as session,
        httpx.Client(base_url=session.base_url) as api,
    ):
        page = api.get("/orders/keyset", params={"limit": 500}).json()
        assert (len(page["data"]), page["has_more"]) == (500, True)
        assert page["data"][0]["id"] == "ord_000000001"
        assert api.get("/orders/offset").json()["total"] == 2_000


def test_a_taken_port_is_one_line(provider: Provider) -> None:
    port = provider.root.rpartition(":")[2]
    command = [sys.executable, "-m", "workbook.providers", "--port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "--port 0" in ended.stderr
