"""What a session may be told: its faults, its data, its manners. Plain JSON, checked before anything runs."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["FAULT_FIELDS", "FIXED_FIELDS", "Fault", "FaultAt", "FaultSpread", "Mutation", "Options"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that goes wrong with one answer: what is said, and how it travels.

    The first group replaces the answer. The endpoint then doesn't run, so a POST has no effect, unless
    `after_commit` asks for the worse case. The second group leaves the answer alone and spoils its way to the
    client.

    Attributes:
        status: Answer with this status and an error body of its kind.
        retry_after: The `Retry-After` header, sent letter for letter.
        retry_after_in_s: A `Retry-After` date, so many seconds after the answer's own `Date`.
        retry_after_format: How that date is spelled.
        headers: Further headers, sent as they are.
        body: The body: a string goes out as it is, anything else as JSON. With no `status`, it comes with
            200.
        html: A login page in HTML, with status 200 unless `status` says otherwise.
        cut_json: The real answer's JSON, cut in half, with a `Content-Length` that fits what is left.
        bomb_bytes: A small gzip body that unpacks to so many bytes.
        after_commit: Run the endpoint first, then let the fault have its answer.
        delay_s: Wait before answering.
        reset: Send a TCP reset: before the endpoint runs, after it ran but before the headers, or half way in
            the body.
        truncated: Promise the whole body in `Content-Length`, send half, and close.
        drip_bytes_per_s: Send the body this slowly; headers come at once.
        name: What the journal calls it; without one, a name made from the fields.
    """

    status: int | None = None
    retry_after: str | None = None
    retry_after_in_s: float | None = None
    retry_after_format: Literal["imf", "rfc850", "asctime"] = "imf"
    headers: dict[str, str] = {}
    body: Any = None
    html: bool = False
    cut_json: bool = False
    bomb_bytes: int = 0
    after_commit: bool = False
    delay_s: float = 0.0
    reset: Literal["before_request", "before_headers", "mid_body"] | None = None
    truncated: bool = False
    drip_bytes_per_s: float | None = None
    name: str | None = None

    @property
    def label(self) -> str:
        """What the journal calls this fault."""
        if self.name:
            return self.name
        parts = [
            f"status_{self.status}" if self.status else "",
            "html" if self.html else "",
            "body" if self.body is not None else "",
            "cut_json" if self.cut_json else "",
            "bomb" if self.bomb_bytes else "",
            f"reset_{self.reset}" if self.reset else "",
            "truncated" if self.truncated else "",
            "drip" if self.drip_bytes_per_s else "",
            "delay" if self.delay_s else "",
        ]
        return "+".join(part for part in parts if part) or "headers"

    @property
    def replaces_answer(self) -> bool:
        """Whether the client gets something other than the endpoint's answer."""
        return self.status is not None or self.html or self.body is not None or self.bomb_bytes > 0

    @property
    def delivers(self) -> bool:
        """Whether a patient client ends up with the endpoint's whole answer."""
        return not (self.replaces_answer or self.cut_json or self.reset or self.truncated)


class FaultAt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault for certain requests only, as often as `times` says.

    Attributes:
        fault: The fault.
        path: The path below the session, such as `/orders/pages`; any path if left out.
        query: Parameters that must have these values; others are free.
        method: `GET`, `POST`, ...; any method if left out.
        times: For how many such requests; `null` for all of them.
    """

    fault: Fault
    path: str | None = None
    query: dict[str, str] = {}
    method: str | None = None
    times: int | None = 1


class FaultSpread(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups of faults in an order that the seed decides, with `calm` good answers spread between them."""

    groups: list[list[Fault]]
    calm: int = 0


class Mutation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of the data that happens once the session has served `after_pages` pages in full.

    Attributes:
        after_pages: When: 1 is between the first page and the second.
        insert: How many new orders appear, newest of all, so at the head of every newest-first list.
        delete: How many orders disappear from the head of the newest-first lists.
        update: How many orders, those updated longest ago, get a new version and the latest `updated_at` of
            all.
        delete_ids: Orders that disappear, by id.
        update_ids: Orders that get a new version, by id.
        updated_at: The `updated_at` of what is inserted or updated, instead of the latest of all; an earlier
            one is a row that was committed late.
    """

    after_pages: int
    insert: int = 0
    delete: int = 0
    update: int = 0
    delete_ids: list[str] = []
    update_ids: list[str] = []
    updated_at: str | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a session can be told. The table in `scenarios.py` says what each does."""

    faults: list[Fault | None] = []
    faults_repeat: bool = False
    faults_at: list[FaultAt] = []
    faults_spread: FaultSpread | None = None
    fault_rate: float = 0.0
    fault_mix: list[Fault] = []

    latency_ms: float = 0.0
    rate_per_s: float | None = None
    burst: float = 1.0
    token: str | None = None
    clock_skew_s: float = 0.0

    rows: int | None = None
    all_updated_at: str | None = None
    poison: int = 0
    poison_kinds: list[str] = []
    future_row: bool = False
    mutations: list[Mutation] = []

    max_limit: int = 100
    page_sizes: list[int] = []
    totals: list[int] = []
    cursor_style: Literal["opaque", "spaced", "zero", "scroll"] = "opaque"
    end_cursor: Literal["null", "empty", "absent"] = "null"
    cursor_cycle_at_page: int | None = None
    cursor_cycle_length: int = 1
    cursor_expires_after_pages: int | None = None
    cursor_expired_status: int = 410
    next_origin: str | None = None
    relative_links: bool = False


FAULT_FIELDS = {name for name in Options.__struct_fields__ if name.startswith("fault")}
"""Options that, when changed, start a new fault schedule."""

FIXED_FIELDS = {"rows", "all_updated_at", "poison", "poison_kinds", "future_row", "mutations"}
"""Options that shape the data, and so can't change once a session is open."""
