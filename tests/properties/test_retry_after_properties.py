"""Whatever a server sends, reading it is safe."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.resilience.retry_after import not_before, retry_after_s

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NAMES = st.sampled_from(
    ["Retry-After", "Date", "RateLimit", "X-RateLimit-Reset", "X-RateLimit-Remaining", "ratelimit-reset"]
)
VALUES = st.text(max_size=60) | st.text('0123456789,;=rt" -.', max_size=30) | st.integers().map(str)


@given(st.dictionaries(NAMES, VALUES))
@example({"Retry-After": "9" * 5_000})
def test_any_headers_give_a_positive_wait_or_none(headers: dict[str, str]) -> None:
    """R3, R6."""
    wait_s = retry_after_s(headers, now=lambda: NOON)
    assert wait_s is None or wait_s > 0
    if wait_s is not None:
        assert not_before(wait_s, now=lambda: NOON) > NOON


@given(st.integers(1, 10**9), st.timedeltas(min_value=timedelta(days=-9), max_value=timedelta(days=9)))
def test_the_same_wait_in_every_spelling_and_under_any_skew(wait_s: int, skew: timedelta) -> None:
    """R1, R2, R9: the wait that comes out is the wait that went in."""
    until = NOON + timedelta(seconds=wait_s)
    date = {"Date": format_datetime(NOON, usegmt=True)}
    for headers in (
        {"Retry-After": str(wait_s)},
        {"Retry-After": format_datetime(until, usegmt=True), **date},
        {"X-RateLimit-Reset": str(int(until.timestamp())), **date},
        {"RateLimit": f'"default";r=0;t={wait_s}'},
    ):
        assert retry_after_s(headers, now=lambda: NOON + skew) == wait_s
