# Made from solutions/m01_rest/05_retry_after.ipynb: edit it there.
"""How long the server asks us to stay away, read from headers that nobody can be trusted to fill in correctly."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = [
    "Now",
    "http_date",
    "not_before",
    "read_rate_limit",
    "read_reset",
    "read_retry_after",
    "retry_after_s",
    "utc_now",
    "whole_number",
]


Now = Callable[[], datetime]

_QUOTED = re.compile(r'"[^"]*"')
_RESET_IN_POLICY = re.compile(r"(?:^|[;,\s])(?:t|reset)\s*=\s*(\d+)", re.ASCII)
_REMAINING_IN_POLICY = re.compile(r"(?:^|[;,\s])(?:r|remaining)\s*=\s*(\d+)", re.ASCII)


def utc_now() -> datetime:
    """Read the wall clock, in UTC. The default of every `now` argument in this package."""
    return datetime.now(UTC)  # noqa: TID251


def whole_number(text: str) -> float | None:
    """Read a whole number of ASCII digits; None for anything else. Of any length, so the answer may be infinite."""
    return float(text) if text.isascii() and text.isdigit() else None


def http_date(text: str) -> datetime | None:
    """Read any of the three HTTP date forms, or a date as in a mail's header; None for what is no date.

    Without a zone it is UTC: HTTP has no other.
    """
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def read_retry_after(value: str, answered_at: datetime) -> float | None:
    """Give the seconds that a `Retry-After` value asks for, counted from *answered_at*.

    None for what can't be obeyed: zero, a negative or fractional number, a date that has passed, garbage. Where a
    proxy and the origin each ask (`5, 120`), the longer wait counts: it obeys both.
    """
    seconds = [whole_number(part.strip()) for part in value.split(",")]
    known = [second for second in seconds if second is not None]
    if len(known) == len(seconds):
        return max(known) or None
    date = http_date(value.strip())
    wait_s = (date - answered_at).total_seconds() if date else 0.0
    return wait_s if wait_s > 0 else None


def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    """Give the seconds from *answered_at* until a quota is full again, from `X-RateLimit-Reset` and `-Remaining`.

    None where the quota is no reason to wait: there is some left, it is full already, or *reset* is no whole number.

    Args:
        reset: Up to 1e9, seconds from now; above, the Unix time; above 1e11, the Unix time in milliseconds.
        remaining: What is left of the quota; empty if the server doesn't say.
        answered_at: When the server answered.
    """
    wait_s = whole_number(reset.strip())
    if wait_s is None or (whole_number(remaining.strip()) or 0) > 0:
        return None
    if wait_s > 1e11:
        wait_s /= 1000
    if wait_s > 1e9:
        wait_s -= answered_at.timestamp()
    return wait_s if wait_s > 0 else None


def read_rate_limit(value: str) -> float | None:
    """Give the seconds that a `RateLimit` value asks for; None when no quota in it is used up.

    Any number of quotas, `"burst";r=0;t=5, "daily";r=0;t=900`, or the older `limit=100, remaining=0, reset=30`.
    """
    value = _QUOTED.sub('""', value).lower()
    quotas = [value] if "reset" in value else value.split(",")
    waits = [
        float(reset[1])
        for quota in quotas
        if (reset := _RESET_IN_POLICY.search(quota)) and _is_used_up(_REMAINING_IN_POLICY.search(quota))
    ]
    return max(waits, default=0.0) or None


def _is_used_up(remaining: re.Match[str] | None) -> bool:
    return remaining is None or float(remaining[1]) == 0


def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    """Give the seconds that a 429 or 503 asks us to wait, or None when it asks for nothing usable.

    The answer is above zero, may be infinite, and is never less than what was asked; whether that is too long is
    the caller's decision. `Retry-After` wins over `RateLimit`, that over `X-RateLimit-Reset`, and that over the same
    without the `X-`; one that says nothing usable counts as absent. Dates are compared with the response's own
    `Date`, so that the difference between its clock and ours cancels out; *now* stands in if there is none.

    Args:
        headers: The response's headers; upper and lower case are the same.
        now: The local wall clock.

    Source:
        RFC 9110 sections 5.6.7 and 10.2.3; draft-ietf-httpapi-ratelimit-headers.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    answered_at = http_date(fields.get("date", "")) or now()
    return (
        read_retry_after(fields.get("retry-after", ""), answered_at)
        or read_rate_limit(fields.get("ratelimit", ""))
        or read_reset(fields.get("x-ratelimit-reset", ""), fields.get("x-ratelimit-remaining", ""), answered_at)
        or read_reset(fields.get("ratelimit-reset", ""), fields.get("ratelimit-remaining", ""), answered_at)
    )


def not_before(wait_s: float, *, now: Now = utc_now) -> datetime:
    """Give the moment *wait_s* seconds from now, or the last moment there is when that lies beyond the calendar."""
    try:
        return now() + timedelta(seconds=math.ceil(wait_s))
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)
