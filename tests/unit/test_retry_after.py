"""What a server may say about waiting, and what we make of it."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.http_library import httpx
from ingestion.resilience.retry_after import not_before, retry_after_s

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NOON_DATE = "Mon, 05 Jan 2026 12:00:00 GMT"


def ask(headers: dict[str, str], now: datetime = NOON) -> float | None:
    return retry_after_s(headers, now=lambda: now)


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("\t7", 7),
        ("007", 7),
        ("Mon, 05 Jan 2026 12:00:30 GMT", 30),
        ("Monday, 05-Jan-26 12:00:30 GMT", 30),
        ("Mon Jan  5 12:00:30 2026", 30),
        ("  Mon, 05 Jan 2026 12:00:30 GMT  ", 30),
        ("Tue, 06 Jan 2026 12:00:00 GMT", 86_400),
    ],
)
def test_seconds_and_the_three_date_forms_are_understood(value: str, wait_s: float) -> None:
    """R1."""
    assert ask({"Retry-After": value, "Date": NOON_DATE}) == wait_s


@pytest.mark.parametrize("skew_h", [-1, 0, 1])
def test_a_date_is_measured_against_the_answer_not_the_local_clock(skew_h: int) -> None:
    """R2: an hour of clock skew changes nothing, for dates and for epochs alike."""
    skewed = NOON + timedelta(hours=skew_h)
    date = {"Retry-After": "Mon, 05 Jan 2026 12:00:30 GMT", "Date": NOON_DATE}
    epoch = {"X-RateLimit-Reset": str(int(NOON.timestamp()) + 30), "Date": NOON_DATE}
    assert ask(date, skewed) == 30
    assert ask(epoch, skewed) == 30


@pytest.mark.parametrize("date", [None, "", "yesterday", "120"])
def test_without_a_usable_date_the_local_clock_stands_in(date: str | None) -> None:
    headers = {"Retry-After": "Mon, 05 Jan 2026 12:00:30 GMT"} | ({} if date is None else {"Date": date})
    assert ask(headers) == 30


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "000",
        "-1",
        "-0",
        "1.5",
        "0.0",
        "1e3",
        "+5",
        "",
        " ",
        "soon",
        "120 seconds",
        "2m",
        "0x10",
        "NaN",
        "inf",
        "١٢٠",
        "²",
        "1_000",
        "120;",
        "Mon, 05 Jan 2026 11:59:59 GMT",
        NOON_DATE,
        "Mon, 32 Jan 2026 12:00:00 GMT",
        "Sun Nov  6 08:49:37 1994",
        "2026-01-05T12:00:30Z",
        "Mon, 05 Jan 99999 12:00:00 GMT",
        "\x00",
        "-5, -6",
        ",",
    ],
)
def test_what_cannot_be_obeyed_counts_as_absent(value: str) -> None:
    """R3: zero, negative, fractional, garbage and past dates all fall back to backoff, so no hot loop."""
    assert ask({"Retry-After": value, "Date": NOON_DATE}) is None


@pytest.mark.parametrize("digits", [23, 400, 5_000])
def test_huge_numbers_do_not_overflow(digits: int) -> None:
    """R6: the wait stays above anything a caller would accept, and a moment can still be made of it."""
    wait_s = ask({"Retry-After": "1" + "0" * digits})
    assert wait_s is not None
    assert wait_s >= 1e23
    assert not_before(wait_s, now=lambda: NOON) == datetime.max.replace(tzinfo=UTC)
    for name in ("RateLimit", "X-RateLimit-Reset"):
        wait_s = ask({name: "default;r=0;t=" * (name == "RateLimit") + "1" + "0" * digits})
        assert wait_s is not None
        assert wait_s > 1e19


def test_two_headers_joined_by_a_proxy_ask_for_the_longer_wait() -> None:
    """R4: a wait is never less than what was asked."""
    assert ask({"Retry-After": "5, 120"}) == 120
    assert retry_after_s(httpx.Headers([("retry-after", "120"), ("retry-after", "5")])) == 120


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "1000000000"}, 1_000_000_000),
        ({"X-RateLimit-Reset": str(int(NOON.timestamp()) + 45)}, 45),
        ({"X-RateLimit-Reset": str((int(NOON.timestamp()) + 45) * 1000)}, 45),
        ({"X-RateLimit-Reset": str(int(NOON.timestamp()) - 45)}, None),
        ({"X-RateLimit-Reset": "30", "X-RateLimit-Remaining": "0"}, 30),
        ({"X-RateLimit-Reset": "30", "X-RateLimit-Remaining": "12"}, None),
        ({"RateLimit-Reset": "30", "RateLimit-Remaining": "0"}, 30),
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": "default;r=0;t=30"}, 30),
        ({"RateLimit": '"default"; t=30; r=0'}, 30),
        ({"RateLimit": '"default";t=30'}, 30),
        ({"RateLimit": '"default";r=50;t=30'}, None),
        ({"RateLimit": '"burst";r=0;t=5, "daily";r=0;t=900, "monthly";r=7;t=99999'}, 900),
        ({"RateLimit": '"t=1;r=0,";r=0;t=30'}, 30),
        ({"RateLimit": "limit=100, remaining=0, reset=30"}, 30),
        ({"RateLimit": "limit=100, remaining=3, reset=30"}, None),
        ({"RateLimit": '"default";r=0;t=-3'}, None),
        ({"RateLimit": "nonsense"}, None),
        ({"Retry-After": "9", "RateLimit": '"d";r=0;t=30', "X-RateLimit-Reset": "60"}, 9),
        ({"Retry-After": "0", "RateLimit": '"d";r=0;t=30', "X-RateLimit-Reset": "60"}, 30),
        ({"X-RateLimit-Reset": "60", "Retry-After": "soon"}, 60),
        ({}, None),
    ],
)
def test_quota_headers(headers: dict[str, str], wait_s: float | None) -> None:
    """R9: above 1e9 is the epoch, else a delta, as is `t`; `Retry-After` wins; a quota with a rest does not count."""
    assert ask(headers | {"Date": NOON_DATE}) == wait_s


def test_header_names_have_no_case() -> None:
    assert ask({"RETRY-AFTER": "3"}) == ask({"retry-after": "3"}) == 3


def test_not_before_is_never_early() -> None:
    assert not_before(1.2, now=lambda: NOON) == NOON + timedelta(seconds=2)
    assert not_before(math.inf, now=lambda: NOON).year == 9999


def test_a_hostile_header_is_read_in_linear_time() -> None:
    assert ask({"RateLimit": '"' + '\\"' * 50_000}) is None
    assert ask({"Retry-After": "," * 50_000}) is None
