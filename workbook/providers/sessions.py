"""Sessions: each has its own faults, data, rate limit and journal, so that no test disturbs another."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

from workbook.providers.data_view import first_book, mutated
from workbook.providers.fault_plan import FaultPlan
from workbook.providers.journal import Journal
from workbook.providers.options import FAULT_FIELDS, FIXED_FIELDS, Options
from workbook.providers.order_book import OrderBook, Row
from workbook.providers.replies import Reply
from workbook.providers.scenarios import OptionsError, options_for
from workbook.providers.token_bucket import TokenBucket

__all__ = ["DEFAULT_SESSION", "Session", "Sessions"]

DEFAULT_SESSION = "default"


class Session:
    """One client's private provider.

    Nothing in it depends on wall time but the `Date` header and the rate limit: the same requests in the same
    order get the same answers.
    """

    def __init__(self, session_id: str, scenario: str, seed: int, overrides: dict[str, Any]) -> None:
        self.id = session_id
        self.scenario = scenario
        self.seed = seed
        self.journal = Journal()
        self.idempotent_replies: dict[str, tuple[bytes, Reply]] = {}
        self.pages_served = 0
        self.scroll_offset = 0
        self._overrides = dict(overrides)
        self.options = options_for(scenario, overrides)
        self.book: OrderBook = first_book(self.options, seed)
        self.plan = FaultPlan(self.options, seed)
        self.bucket = _bucket(self.options)
        self._inserted = 0

    def now(self) -> datetime:
        """The provider's wall time, ahead of this machine's by `clock_skew_s`."""
        return datetime.now(UTC) + timedelta(seconds=self.options.clock_skew_s)

    def change(self, overrides: dict[str, Any]) -> None:
        """Change options while the session is open.

        A fault option starts the new schedule from its beginning; a rate option starts with a full bucket;
        journal, data and counters stay.

        Raises:
            OptionsError: As on opening, or the option shapes the data.
        """
        fixed = sorted(FIXED_FIELDS & overrides.keys())
        if fixed:
            raise OptionsError(f"{', '.join(fixed)}: fixed once a session is open; open another session")
        merged = self._overrides | overrides
        self.options = options_for(self.scenario, merged)
        self._overrides = merged
        if FAULT_FIELDS & overrides.keys():
            self.plan = FaultPlan(self.options, self.seed)
        if {"rate_per_s", "burst"} & overrides.keys():
            self.bucket = _bucket(self.options)

    def page_served(self) -> None:
        """Count a page that reached its client whole, and let happen what was to happen after it."""
        self.pages_served += 1
        for mutation in self.options.mutations:
            if mutation.after_pages == self.pages_served:
                self.book = mutated(self.book, mutation, self._inserted)
                self._inserted += mutation.insert

    def add(self, row: Row) -> None:
        """Add an order that a client posted."""
        self.book = OrderBook([*self.book.rows, row])

    @property
    def cursor_epoch(self) -> int:
        """0 until cursors expire, then 1: a cursor is good in the epoch it was made in."""
        limit = self.options.cursor_expires_after_pages
        return int(limit is not None and self.pages_served >= limit)


class Sessions:
    """The open sessions by id. Beyond *at_most*, the one unused for longest is closed."""

    def __init__(self, at_most: int = 500) -> None:
        self._at_most = at_most
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self.default = Session(DEFAULT_SESSION, "calm", 0, {})

    def open(self, scenario: str, seed: int, overrides: dict[str, Any]) -> Session:
        """Open a session.

        Raises:
            OptionsError: No such scenario or option, or a value of the wrong kind.
        """
        session = Session(secrets.token_hex(4), scenario, seed, overrides)
        self._sessions[session.id] = session
        while len(self._sessions) > self._at_most:
            self._sessions.popitem(last=False)
        return session

    def get(self, session_id: str) -> Session | None:
        """The open session of that id."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._sessions.move_to_end(session_id)
        return session

    def close(self, session_id: str) -> bool:
        """Close a session; false if there was none."""
        return self._sessions.pop(session_id, None) is not None


def _bucket(options: Options) -> TokenBucket | None:
    if options.rate_per_s is None:
        return None
    try:
        return TokenBucket(options.rate_per_s, options.burst)
    except ValueError as error:
        raise OptionsError(str(error)) from None
