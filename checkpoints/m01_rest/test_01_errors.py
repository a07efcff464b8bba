"""Lesson m01.01: every outcome of an exchange is named by what to do next."""

import asyncio
import random
import ssl

import pytest

from ingestion.errors import (
    CircuitOpenError,
    ConfigurationError,
    CorruptError,
    DeadlineExceededError,
    Fault,
    PermanentError,
    ThrottledError,
    TransientError,
    classify,
    classify_response,
)
from ingestion.http_library import httpx
from workbook.grading import expect


def _response(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _expect_fault(came: Fault | None, wanted: Fault | None, what: str, look_at: str, hint: int = 1) -> None:
    expect(
        came is wanted,
        expected=f"{wanted or 'None (nothing wrong)'} for {what}",
        came=str(came),
        look_at=look_at,
        hint=hint,
    )


def test_ex1_statuses_that_may_change(rng: random.Random) -> None:
    """408, 500, 502, 503 and 504 are transient."""
    for status in rng.sample([408, 500, 502, 503, 504], 5):
        came = classify_response(_response(status, content_type="application/json"))
        _expect_fault(came, Fault.TRANSIENT, f"status {status}", "TRANSIENT_STATUS")


def test_ex1_statuses_that_never_change(rng: random.Random) -> None:
    """501, 505 and every other 3xx, 4xx and 5xx are permanent."""
    never = [status for status in range(300, 600) if status not in {408, 429, 500, 502, 503, 504}]
    for status in [501, 505, 302, 404, 401, 599, 101, 103, *rng.sample(never, 60)]:
        came = classify_response(_response(status, content_type="application/json"))
        _expect_fault(came, Fault.PERMANENT, f"status {status}", "whether the same request can succeed in a minute")


def test_ex1_throttled_is_told_when(rng: random.Random) -> None:
    """429 is throttled with or without Retry-After; 503 only with it."""
    wait = str(rng.randrange(1, 100))
    for response, wanted, what in (
        (_response(429), Fault.THROTTLED, "429 without Retry-After"),
        (_response(429, retry_after=wait), Fault.THROTTLED, f"429 with Retry-After: {wait}"),
        (_response(503, Retry_After=wait), Fault.THROTTLED, f"503 with Retry-After: {wait}"),
        (_response(503), Fault.TRANSIENT, "503 without Retry-After"),
        (
            _response(503, Retry_After="Mon, 05 Jan 2026 12:00:30 GMT"),
            Fault.THROTTLED,
            "503 with a date in Retry-After",
        ),
        (_response(500, Retry_After=wait), Fault.TRANSIENT, f"500 with Retry-After: {wait}"),
        (_response(404, Retry_After=wait), Fault.PERMANENT, f"404 with Retry-After: {wait}"),
    ):
        _expect_fault(classify_response(response), wanted, what, "who knows when to come back: the server, or nobody")


def test_ex1_a_page_that_is_not_json() -> None:
    """A 2xx answer that does not claim to be JSON is corrupt, never good."""
    for media_type in (
        "text/html",
        "text/html; charset=utf-8",
        "text/plain",
        "application/jsonp",
        "application/x-json-stream",
        "application/seq-json",
        "",
    ):
        came = classify_response(_response(200, content_type=media_type))
        _expect_fault(
            came,
            Fault.CORRUPT,
            f"status 200 with content-type {media_type!r}",
            "what the answer claims to be",
            2,
        )
    _expect_fault(
        classify_response(_response(200)),
        Fault.CORRUPT,
        "status 200 without a content-type",
        "a missing header",
        2,
    )
    _expect_fault(
        classify_response(_response(200, content_length="0")),
        Fault.CORRUPT,
        "status 200 with an empty body and no content-type",
        "which answers have no body, by their status",
    )


def test_ex1_json_by_any_spelling() -> None:
    """JSON is recognised whatever the case, parameters and suffix, with any status from 200 to 299."""
    for status in (200, 202, 203, 206, 299):
        came = classify_response(_response(status, content_type="application/json"))
        _expect_fault(came, None, f"status {status} with JSON", "which statuses are answers")
    for media_type in (
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/vnd.api+json",
        "application/problem+JSON ; profile=x",
    ):
        came = classify_response(_response(201, content_type=media_type))
        _expect_fault(came, None, f"status 201 with content-type {media_type!r}", "how the media type is compared", 2)


def test_ex1_no_json_asked_or_no_body() -> None:
    """A file that was not asked for as JSON, and an answer without a body, are fine."""
    came = classify_response(_response(200, content_type="text/csv"), expects_json=False)
    _expect_fault(came, None, "a CSV when expects_json=False", "expects_json")
    for status in (204, 205):
        _expect_fault(
            classify_response(_response(status)),
            None,
            f"status {status}, which has no body",
            "what 204 means",
        )


def test_ex2_responses_too() -> None:
    """A response is classified as such, and expects_json is passed on."""
    _expect_fault(classify(_response(429)), Fault.THROTTLED, "a 429", "the first row: a response")
    _expect_fault(
        classify(_response(200, content_type="text/csv"), expects_json=False),
        None,
        "a CSV when expects_json=False",
        "expects_json",
    )


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("slow"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("busy"),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
        httpx.ProxyError("bad gateway"),
        ConnectionResetError("reset"),
        TimeoutError("late"),
        DeadlineExceededError("late"),
        CircuitOpenError("open", retry_after_s=3.0),
        TransientError("busy"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_ex2_what_may_pass(error: Exception) -> None:
    """Timeouts, resets and an open breaker are transient."""
    _expect_fault(classify(error), Fault.TRANSIENT, repr(error), "the table's first row", 2)


def test_ex2_throttled_is_not_merely_transient() -> None:
    """ThrottledError is a TransientError, and still is throttled."""
    _expect_fault(
        classify(ThrottledError("wait", retry_after_s=5.0)),
        Fault.THROTTLED,
        "a ThrottledError",
        "which case comes first",
        2,
    )


def test_ex2_what_never_passes() -> None:
    """A wrong request, a wrong certificate and a bug are permanent."""
    for error in (
        httpx.UnsupportedProtocol("ftp://"),
        httpx.LocalProtocolError("illegal header value"),
        httpx.InvalidURL("no host"),
        PermanentError("404", status_code=404),
        ConfigurationError("DB_URL is not set"),
        FileNotFoundError("rows.csv"),
        KeyError("data"),
        ValueError("a bug"),
        TypeError("a bug"),
    ):
        _expect_fault(classify(error), Fault.PERMANENT, repr(error), "the special cases before the general one", 2)


def test_ex2_a_certificate_that_does_not_verify() -> None:
    """A certificate that does not verify is permanent, however deep the cause lies; other trouble with TLS is not."""
    for cause, wanted in (
        (ssl.SSLCertVerificationError("certificate has expired"), Fault.PERMANENT),
        (ssl.SSLEOFError("EOF occurred in violation of protocol"), Fault.TRANSIENT),
    ):
        error: BaseException = cause
        for depth in range(1, 4):
            try:
                raise httpx.ConnectError("no handshake") from error
            except httpx.ConnectError as wrapped:
                error = wrapped
            what = f"a ConnectError with {type(cause).__name__} {depth} deep in its causes"
            _expect_fault(classify(error), wanted, what, "__cause__", 3)


def test_ex2_bytes_that_lie() -> None:
    """Bytes that are not what the headers say are corrupt."""
    for error in (
        httpx.DecodingError("bad gzip"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        CorruptError("HTML"),
    ):
        _expect_fault(classify(error), Fault.CORRUPT, repr(error), "the table's third row", 2)


@pytest.mark.parametrize("order", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_ex2_an_order_to_stop_is_no_fault(order: type[BaseException]) -> None:
    """Cancellation is raised again, never named."""
    given = order("what the sender said")
    came: object
    try:
        came = classify(given)
    except order as raised:
        if raised is given:
            return
        came = f"another {order.__name__}, without what the first one says"
    expect(
        False,
        expected=f"{order.__name__} raised again, the same object",
        came=str(came),
        look_at="who asked for it: the server, or us",
        hint=3,
    )
