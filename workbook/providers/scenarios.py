"""The named scenarios, each a set of options, and the list of everything an option can say.

A session is opened with a scenario, a seed and options; the options given win over the scenario's own, name
by name. Equal scenario, seed and options give equal faults and equal data, request by request.

Faults. A data request is any request but those under `/_mock`, `/health` and the API's own documentation.

    faults = []             the n-th data request meets the n-th entry; null is a good answer; then all's well
    faults_repeat = false   the schedule starts over when it ends
    faults_at = []          {fault, path?, query?, method?, times: 1}: for matching requests only; goes before
                            the schedule, which then stands still; times null is for ever
    faults_spread           {groups: [[fault, ...], ...], calm: k}: the groups, and k good answers between
                            them, in an order that the seed decides; comes after `faults`
    fault_rate = 0          once the schedule is over: with this probability one of `fault_mix`, by the seed
    fault_mix = []
    latency_ms = 0          every data request waits so long first
    rate_per_s, burst = 1   a real token bucket: over it 429 with Retry-After and RateLimit headers; such a
                            request uses up no scheduled fault
    token                   data requests need `Authorization: Bearer <token>`, else 401
    clock_skew_s = 0        the server's clock, in `Date` and in Retry-After dates, is so far ahead

A fault has these fields, all optional and free to combine (`options.Fault` says more):

    status                  answer with this status and an error body
    retry_after             the Retry-After header, letter for letter
    retry_after_in_s        Retry-After as a date; spelled by retry_after_format = imf | rfc850 | asctime
    headers, body           further headers; another body (a string as it is, anything else as JSON)
    html                    a login page with status 200
    cut_json                the real JSON cut in half, with a Content-Length that fits
    bomb_bytes              a small gzip body that unpacks to so many bytes
    after_commit            a replaced answer, but the endpoint ran (a POST had its effect)
    delay_s                 wait, then answer
    reset                   TCP reset: before_request (had no effect) | before_headers (had) | mid_body
    truncated               Content-Length for the whole body, half of it sent, connection closed
    drip_bytes_per_s        the body this slowly
    name                    what the journal calls it

Data, fixed once a session is open.

    rows                    so many synthetic orders instead of the 500
    all_updated_at          every order has this `updated_at`
    poison = 0              so many malformed orders, of `poison_kinds` in turn
    poison_kinds = all      comma_decimal bad_date nul lone_surrogate missing_id epoch_date null_total
                            not_an_object
    future_row = false      one order was updated on 2099-01-01
    mutations = []          {after_pages, insert, delete, update, delete_ids, update_ids, updated_at}: changes
                            while a client is paging (`options.Mutation` says more)

Paging.

    max_limit = 100         a larger `limit` or `per_page` is cut to this
    page_sizes = []         the n-th page served holds at most the n-th size, later ones the last; 0 is an
                            empty page with more to come
    totals = []             the `total` that successive pages report, later ones the last
    cursor_style            opaque | spaced (spaces, + / and = that matter) | zero (0, 1, 2 as JSON numbers) |
                            scroll (one constant handle)
    end_cursor = null       how the last page says so: null | empty ("") | absent
    cursor_cycle_at_page    from that page `next_cursor` leads back cursor_cycle_length = 1 pages, to itself
    cursor_expires_after_pages   cursors made before so many pages were served are refused afterwards, with
                            cursor_expired_status = 410
    next_origin             next links name this origin, such as http://127.0.0.1:9
    relative_links = false  next links are paths
"""

from __future__ import annotations

from typing import Any

import msgspec

from workbook.providers.options import Options

__all__ = ["SCENARIOS", "OptionsError", "options_for"]

_THROTTLED = [
    {"status": 429, "retry_after": "1"},
    {"status": 429, "retry_after": " 1 "},
    {"status": 503, "retry_after": "1"},
    {"status": 429, "retry_after_in_s": 2},
    {"status": 429, "retry_after_in_s": 2, "retry_after_format": "rfc850"},
    {"status": 429, "retry_after_in_s": 2, "retry_after_format": "asctime"},
    {"status": 429, "retry_after_in_s": -60},
    {"status": 429, "retry_after": "0"},
    {"status": 429, "retry_after": "-1"},
    {"status": 429, "retry_after": "1.5"},
    {"status": 429, "retry_after": "soon"},
    {"status": 429, "headers": {"RateLimit": '"default";r=0;t=1'}},
    {"status": 429, "headers": {"X-RateLimit-Reset": "1"}},
    {"status": 429},
]

SCENARIOS: dict[str, dict[str, Any]] = {
    "calm": {},
    "rough_day": {
        "faults_spread": {
            "groups": [
                [{"status": 429, "retry_after": "1"}],
                [{"status": 503}, {"status": 503}],
                [{"reset": "mid_body"}],
                [{"delay_s": 0.5, "name": "slow"}],
            ],
            "calm": 3,
        }
    },
    "throttled": {"faults": _THROTTLED},
    "retry_after_too_long": {"faults": [{"status": 429, "retry_after": "3600"}]},
    "server_errors": {"faults": [{"status": status} for status in (500, 502, 503, 504)]},
    "outage": {"faults": [None] * 20 + [{"status": 503}] * 25},
    "down": {"faults": [{"status": 503}], "faults_repeat": True},
    "reset": {"faults": [{"reset": "before_headers"}, {"reset": "mid_body"}]},
    "slow_drip": {"faults": [{"drip_bytes_per_s": 1}]},
    "truncated": {"faults": [{"truncated": True}]},
    "cut_json": {"faults": [{"cut_json": True}]},
    "html_200": {"faults": [None, {"html": True}]},
    "error_200": {
        "faults": [
            None,
            {"body": {"error": {"code": "internal_error", "message": "Something went wrong on our side."}}},
        ]
    },
    "bomb": {"faults": [{"bomb_bytes": 200_000_000}]},
    "unauthorized": {"token": "let-me-in"},
    "rate_limited": {"rate_per_s": 50, "burst": 10},
    "flaky": {
        "fault_rate": 0.2,
        "fault_mix": [
            {"status": 503},
            {"status": 500},
            {"status": 429, "retry_after": "1"},
            {"reset": "before_headers"},
            {"reset": "mid_body"},
            {"truncated": True},
        ],
    },
    "repeated_cursor": {"cursor_cycle_at_page": 2},
    "cursor_cycle": {"cursor_cycle_at_page": 3, "cursor_cycle_length": 2},
    "scroll": {"cursor_style": "scroll"},
    "expired_cursor": {"cursor_expires_after_pages": 3},
    "foreign_next": {"next_origin": "http://127.0.0.1:9"},
    "short_pages": {"page_sizes": [100, 37, 0, 100]},
    "small_pages": {"max_limit": 50},
    "inserted_rows": {"mutations": [{"after_pages": 2, "insert": 3}]},
    "deleted_rows": {"mutations": [{"after_pages": 2, "delete": 3}]},
    "updated_rows": {"mutations": [{"after_pages": 2, "update": 3}]},
    "late_row": {"mutations": [{"after_pages": 5, "insert": 1, "updated_at": "2026-03-28T23:59:30Z"}]},
    "shrinking_total": {"totals": [500, 480, 300]},
    "ties": {"all_updated_at": "2026-03-01T00:00:00Z"},
    "poison": {"poison": 3},
    "future_row": {"future_row": True},
}


class OptionsError(ValueError):
    """No such scenario or option, or one that can't hold that value; the message is for whoever wrote it."""


def options_for(scenario: str, overrides: dict[str, Any] | None = None) -> Options:
    """The options of a scenario with some of them replaced.

    Raises:
        OptionsError: No such scenario or option, or a value of the wrong kind.
    """
    if scenario not in SCENARIOS:
        raise OptionsError(f"no scenario {scenario!r}; there are: {', '.join(sorted(SCENARIOS))}")
    try:
        return msgspec.convert(SCENARIOS[scenario] | (overrides or {}), Options)
    except msgspec.ValidationError as error:
        raise OptionsError(f"scenario {scenario!r}: {error} (the options are listed in scenarios.py)") from None
