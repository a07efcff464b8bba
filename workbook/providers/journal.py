"""What a session was asked, request by request, so that a test can say "exactly five"."""

from __future__ import annotations

import time
from collections import Counter

import msgspec

__all__ = ["Entry", "Journal", "Summary"]


class Entry(msgspec.Struct, kw_only=True):
    """One request.

    Attributes:
        n: 1 for the session's first request; clearing the journal starts over.
        at_monotonic_s: When it arrived, on the server's monotonic clock.
        method: `GET`, `POST`, ...
        path: The path below the session.
        query: The query string as it was sent, not decoded.
        status: The status that was sent; `None` while there is none, and for ever if the connection was cut
            before it.
        fault: What went wrong on purpose; `None` if nothing did.
        headers: `authorization` (only whether there was one), `idempotency-key`, `user-agent`.
    """

    n: int
    at_monotonic_s: float
    method: str
    path: str
    query: str
    headers: dict[str, str | bool | None]
    status: int | None = None
    fault: str | None = None


class Summary(msgspec.Struct, kw_only=True):
    """The journal in numbers: how many requests, of what status, with what faults, and how many at once."""

    requests: int
    by_status: dict[str, int]
    by_fault: dict[str, int]
    by_path: dict[str, int]
    most_in_flight: int
    seconds: float


class Journal:
    """The requests of one session in order of arrival.

    An entry exists from the moment its request arrives, whatever becomes of the answer, so the count is exact
    at any time. Requests for the journal itself are not in it.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._in_flight = 0
        self._most_in_flight = 0

    def arrived(self, method: str, path: str, query: str, headers: dict[str, str | bool | None]) -> Entry:
        """Write down a request that has just come in."""
        entry = Entry(
            n=len(self.entries) + 1,
            at_monotonic_s=time.monotonic(),
            method=method,
            path=path,
            query=query,
            headers=headers,
        )
        self.entries.append(entry)
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        return entry

    def left(self) -> None:
        """Note that a request has been dealt with, one way or another."""
        self._in_flight -= 1

    def clear(self) -> None:
        """Forget every request; those in flight still count as in flight."""
        self.entries = []
        self._most_in_flight = self._in_flight

    def summary(self) -> Summary:
        """The journal in numbers."""
        entries = self.entries
        return Summary(
            requests=len(entries),
            by_status=dict(Counter(str(entry.status) for entry in entries)),
            by_fault=dict(Counter(entry.fault for entry in entries if entry.fault)),
            by_path=dict(Counter(entry.path for entry in entries)),
            most_in_flight=self._most_in_flight,
            seconds=entries[-1].at_monotonic_s - entries[0].at_monotonic_s if entries else 0.0,
        )
