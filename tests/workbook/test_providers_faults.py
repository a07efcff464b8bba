"""Each fault and each scenario does what its name says, to a real client on a real socket."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from workbook.providers import MockSession, Provider, serve
from workbook.providers.fault_plan import FaultPlan
from workbook.providers.scenarios import SCENARIOS, options_for
from workbook.providers.token_bucket import TokenBucket

Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serve() as running:
        yield running


class Api(httpx.Client):
    """A client of one session, and the session."""

    session: MockSession


@pytest.fixture
def meet(provider: Provider) -> Iterator[Callable[..., Api]]:
    """Open a session; it is closed after the test."""
    opened: list[Api] = []

    def open_api(scenario: str = "calm", **options: object) -> Api:
        session = provider.session(scenario, **options)  # type: ignore[arg-type]
        api = Api(base_url=session.base_url, timeout=5)
        api.session = session
        opened.append(api)
        return api

    yield open_api
    for api in opened:
        api.close()
        api.session.close()


def outcomes(api: Api, requests: int) -> list[object]:
    """The status of each request, or the name of its exception."""
    seen: list[object] = []
    for _ in range(requests):
        try:
            seen.append(api.get("/orders/pages").status_code)
        except httpx.TransportError as error:
            seen.append(type(error).__name__)
    return seen


def test_faults_come_in_order_one_a_request(meet) -> None:
    api = meet(faults=[{"status": 429, "retry_after": "1"}, {"status": 503}, {"reset": "mid_body"}, None])
    assert outcomes(api, 6) == [429, 503, "ReadError", 200, 200, 200]
    assert [entry["fault"] for entry in api.session.journal()] == [
        "status_429",
        "status_503",
        "reset_mid_body",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(("where", "status", "took_effect"), [
    ("before_request", None, False),
    ("before_headers", None, True),
    ("mid_body", 201, True),
])  # fmt: skip
def test_a_reset_is_a_reset_and_says_nothing_of_its_effect(meet, where, status, took_effect) -> None:
    api = meet(faults=[{"reset": where}])
    with pytest.raises(httpx.ReadError) as caught:
        api.post("/orders", json={"total": "1.00"})
    assert "reset" in str(caught.value).lower() or "104" in repr(caught.value.__cause__)
    assert api.session.journal()[0]["status"] == status
    assert api.get("/orders/offset").json()["total"] == 500 + took_effect


def test_a_truncated_body_is_shorter_than_promised(meet) -> None:
    api = meet("truncated")
    with (
        pytest.raises(httpx.RemoteProtocolError, match="expected"),
        api.stream("GET", "/orders/pages") as answer,
    ):
        assert answer.status_code == 200
        answer.read()
    assert answer.num_bytes_downloaded * 2 <= int(answer.headers["content-length"]) + 1
    assert api.get("/orders/pages").status_code == 200


def test_a_drip_never_trips_a_read_timeout(meet) -> None:
    api = meet(faults=[{"drip_bytes_per_s": 20}])
    started = time.monotonic()
    with api.stream("GET", "/orders/pages", timeout=0.5) as answer:
        received = 0
        for chunk in answer.iter_raw():
            received += len(chunk)
            if received >= 20:
                break
    assert 0.7 < time.monotonic() - started < 2
    assert api.get("/orders/pages").status_code == 200


def test_a_client_that_leaves_a_drip_frees_the_server(meet) -> None:
    api = meet("slow_drip")
    with pytest.raises(httpx.ReadTimeout), api.stream("GET", "/orders/pages", timeout=0.3) as answer:
        answer.read()
    deadline = time.monotonic() + 5
    while api.session.summary()["most_in_flight"] and time.monotonic() < deadline:
        api.session.clear_journal()  # afterwards, what is still in flight is the most in flight
        time.sleep(0.02)
    assert api.session.summary()["most_in_flight"] == 0


def test_answers_that_lie(meet) -> None:
    api = meet(faults=[{"html": True}, {"cut_json": True}, {"body": {"error": "x"}}, {"bomb_bytes": 3_000_000}])
    page = api.get("/orders/pages")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    cut = api.get("/orders/pages")
    assert int(cut.headers["content-length"]) == len(cut.content)
    with pytest.raises(ValueError):
        cut.json()
    assert api.get("/orders/pages").json() == {"error": "x"}
    bomb = api.get("/orders/pages")
    assert len(bomb.content) == 3_000_000
    assert int(bomb.headers["content-length"]) < 10_000
    assert bomb.json() == {"data": []}


def test_delay_latency_and_a_fault_that_comes_after_the_effect(meet) -> None:
    api = meet(latency_ms=60, faults=[{"delay_s": 0.2}, None, {"status": 502, "after_commit": True}])
    assert api.get("/orders/pages").elapsed >= timedelta(seconds=0.26)
    assert timedelta(seconds=0.06) <= api.get("/orders/pages").elapsed < timedelta(seconds=0.25)
    assert api.post("/orders", json={}).status_code == 502
    assert api.get("/orders/pages").json()["total"] == 501


def test_retry_after_comes_in_every_form(meet) -> None:
    api = meet("throttled", clock_skew_s=3600)
    answers = [api.get("/orders/pages") for _ in SCENARIOS["throttled"]["faults"]]
    assert [answer.status_code for answer in answers].count(429) == len(answers) - 1
    assert [answer.headers.get("retry-after") for answer in answers[:3]] == ["1", "1", "1"]
    for answer, wait_s in zip(answers[3:7], (2, 2, 2, -60), strict=True):
        asked = parsedate_to_datetime(answer.headers["retry-after"]).replace(tzinfo=None)
        said = parsedate_to_datetime(answer.headers["date"]).replace(tzinfo=None)
        assert asked - said == timedelta(seconds=wait_s)
    assert answers[3].headers["retry-after"].endswith("GMT")
    assert "-" in answers[4].headers["retry-after"]
    assert not answers[5].headers["retry-after"].endswith("GMT")
    assert "retry-after" not in answers[-1].headers
    assert api.get("/orders/pages").status_code == 200


def test_a_session_may_live_in_another_time(meet) -> None:
    ahead, here = (parsedate_to_datetime(meet(clock_skew_s=s).get("/orders/pages").headers["date"]) for s in (3600, 0))
    assert abs(ahead - here - timedelta(hours=1)) <= timedelta(seconds=2)


def test_rules_pick_their_requests_and_leave_the_schedule_alone(meet) -> None:
    rule = {"path": "/orders/pages", "query": {"page": "3"}, "times": 2, "fault": {"status": 500}}
    api = meet(faults_at=[rule], faults=[None, None, {"status": 503}])
    pages = [1, 3, 3, 3, 4]
    assert [api.get("/orders/pages", params={"page": n}).status_code for n in pages] == [
        200,
        500,
        500,
        200,
        503,
    ]


def test_a_rule_for_ever(meet) -> None:
    api = meet(faults_at=[{"method": "POST", "times": None, "fault": {"status": 500}}])
    assert [api.post("/orders", json={}).status_code for _ in range(5)] == [500] * 5
    assert api.get("/orders/pages").status_code == 200


def test_an_outage_that_a_test_ends(meet) -> None:
    api = meet("down")
    assert outcomes(api, 3) == [503] * 3
    api.session.change(faults=[])
    assert outcomes(api, 2) == [200] * 2
    api.session.change(faults=[{"status": 500}], faults_repeat=False)
    assert outcomes(api, 2) == [500, 200]
    assert api.session.requests() == 7


def test_rough_day_always_ends_before_the_fifth_page(meet) -> None:
    for seed in range(10):
        plan = FaultPlan(options_for("rough_day"), seed)
        labels = [fault.label if fault else None for fault in (plan.next_fault("GET", "/", {}) for _ in range(9))]
        met = sorted(label for label in labels[:8] if label)
        assert met == ["reset_mid_body", "slow", "status_429", "status_503", "status_503"]
        assert labels[8] is None
        at = labels.index("status_503")
        assert labels[at + 1] == "status_503"


@pytest.mark.parametrize("scenario", ["rough_day", "flaky", "throttled", "outage"])
def test_one_seed_replays_exactly(scenario: str) -> None:
    def replay(seed: int) -> list[str | None]:
        plan = FaultPlan(options_for(scenario), seed)
        return [fault.label if fault else None for fault in (plan.next_fault("GET", "/", {}) for _ in range(300))]

    assert replay(7) == replay(7)
    if scenario in ("rough_day", "flaky"):
        assert len({tuple(replay(seed)) for seed in range(20)}) > 10


def test_flaky_has_the_rate_it_says() -> None:
    plan = FaultPlan(options_for("flaky"), 1)
    faulty = sum(plan.next_fault("GET", "/", {}) is not None for _ in range(5_000))
    assert 0.18 < faulty / 5_000 < 0.22


def test_a_token_is_asked_for(meet) -> None:
    api = meet("unauthorized")
    assert api.get("/orders/pages").headers["www-authenticate"] == "Bearer"
    assert api.get("/orders/pages", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert api.get("/orders/pages", headers={"Authorization": "Bearer let-me-in"}).status_code == 200
    assert [entry["fault"] for entry in api.session.journal()] == ["unauthorized", "unauthorized", None]


def test_the_rate_limit_is_a_real_bucket(meet) -> None:
    api = meet("rate_limited", rate_per_s=20, burst=5)
    started = time.monotonic()
    refused = None
    while time.monotonic() - started < 1:
        answer = api.get("/orders/offset", params={"limit": 1})
        refused = answer if answer.status_code == 429 else refused
    journal = api.session.journal()
    seconds = journal[-1]["at_monotonic_s"] - journal[0]["at_monotonic_s"]
    admitted = sum(entry["status"] == 200 for entry in journal)
    assert 0.9 * (20 * seconds + 4) <= admitted <= 20 * seconds + 5
    assert refused is not None
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit"] == '"default";r=0;t=1'
    assert {entry["fault"] for entry in journal if entry["status"] == 429} == {"rate_limited"}


def test_the_bucket_keeps_its_bound_at_any_pace() -> None:
    now = [0.0]
    bucket = TokenBucket(10, 3, clock=lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [0, 0, 0]
    assert bucket.take() == pytest.approx(0.1)
    now[0] = 0.1
    assert bucket.take() == 0
    assert bucket.take() > 0
    now[0] = 1_000
    assert [bucket.take() == 0 for _ in range(4)] == [True, True, True, False]


def test_most_in_flight_is_counted(meet) -> None:
    from concurrent.futures import ThreadPoolExecutor

    api = meet(latency_ms=200)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: api.get("/orders/pages").status_code, range(4)))
    assert api.session.summary()["most_in_flight"] == 4
    assert api.session.summary()["by_path"] == {"/orders/pages": 4}
