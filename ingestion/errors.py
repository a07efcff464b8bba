# Made from solutions/m01_rest/01_errors.ipynb: edit it there.
"""Errors grouped by what the caller does next.

IngestionError
├── TransientError              the same call may succeed later
│   ├── ThrottledError          the server asked for patience
│   ├── CircuitOpenError        not sent: the upstream is known to be down
│   └── DeadlineExceededError   the time for this call is used up
├── PermanentError              the same call will fail the same way
│   └── AmbiguousError          an unsafe call may or may not have taken effect
├── CorruptError                an answer came, but it is not what it claims to be
├── ContractViolationError      well-formed data that breaks its contract
└── ConfigurationError          an operator has to change a setting
"""

import asyncio
import ssl
from datetime import datetime
from enum import StrEnum

from ingestion.http_library import httpx

__all__ = [
    "TRANSIENT_STATUS",
    "AmbiguousError",
    "CircuitOpenError",
    "ConfigurationError",
    "ContractViolationError",
    "CorruptError",
    "DeadlineExceededError",
    "Fault",
    "IngestionError",
    "PermanentError",
    "ThrottledError",
    "TransientError",
    "classify",
    "classify_response",
]


class IngestionError(Exception):
    """Base of every error this package raises on purpose. Messages name no secret and quote no whole body."""


class TransientError(IngestionError):
    """The same call may succeed later.

    Attributes:
        retry_after_s: Seconds the server asked to wait, if it said so.
        request_sent: False only when the request certainly never left this machine, so repeating it is safe
            whatever the method.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, request_sent: bool = True, timed_out: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.request_sent = request_sent
        self.timed_out = timed_out


class ThrottledError(TransientError):
    """The server asked for patience: 429, or 503 with `Retry-After`.

    Attributes:
        not_before: The earliest moment at which another request may go out, when that moment is too far away to
            wait for in process.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, not_before: datetime | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.not_before = not_before


class CircuitOpenError(TransientError):
    """The breaker is open: the request was not sent. `retry_after_s` says when a probe may go."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s=retry_after_s, request_sent=False)


class DeadlineExceededError(TransientError):
    """The deadline that covers waiting, sending, reading and retrying has passed, or would pass while waiting."""


class PermanentError(IngestionError):
    """The same call will fail the same way. `status_code` is None when there was no response."""

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


class AmbiguousError(PermanentError):
    """An unsafe request was cut off after it was sent: it may or may not have taken effect, so nobody may repeat it."""


class CorruptError(IngestionError):
    """An answer came, but it is not what it claims to be: HTML with 200, a body that does not decode."""


class ContractViolationError(IngestionError):
    """Well-formed data that breaks its contract."""


class ConfigurationError(IngestionError):
    """A setting is missing or wrong. The message names it and says what to write, never what was written."""


class Fault(StrEnum):
    """What went wrong, named by what to do about it."""

    TRANSIENT = "transient"
    THROTTLED = "throttled"
    PERMANENT = "permanent"
    CORRUPT = "corrupt"


TRANSIENT_STATUS = frozenset({408, 500, 502, 503, 504})


def classify_response(response: httpx.Response, *, expects_json: bool = True) -> Fault | None:
    """Name what is wrong with a response, or return None when nothing is. Looks at status and headers only.

    Args:
        response: Its body need not have been read.
        expects_json: A 2xx answer must then declare a JSON media type, unless its status says that it has no body.

    Source:
        RFC 9110 sections 8.3 and 15; RFC 6585 section 4 (429); RFC 6839 section 3.1 (`+json`).
    """
    status = response.status_code
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        return Fault.THROTTLED
    if status in TRANSIENT_STATUS:
        return Fault.TRANSIENT
    if not 200 <= status < 300:
        return Fault.PERMANENT
    if not expects_json or status in (204, 205):
        return None
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    claims_json = media_type == "application/json" or media_type.endswith("+json")
    return None if claims_json else Fault.CORRUPT


def classify(outcome: httpx.Response | BaseException, *, expects_json: bool = True) -> Fault | None:
    """Name what went wrong with one exchange, or return None when nothing did.

    Args:
        outcome: The response, or the exception raised in its place.
        expects_json: As for `classify_response`.

    Raises:
        BaseException: *outcome* itself, when it is no fault but an order to stop, such as `asyncio.CancelledError`:
            cancellation must never look like a failed call.
    """
    match outcome:
        case httpx.Response():
            return classify_response(outcome, expects_json=expects_json)
        case asyncio.CancelledError() | KeyboardInterrupt() | SystemExit() | GeneratorExit():
            raise outcome
        case ThrottledError():
            return Fault.THROTTLED
        case TransientError():
            return Fault.TRANSIENT
        case CorruptError() | httpx.DecodingError() | UnicodeError():
            return Fault.CORRUPT
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return Fault.PERMANENT
        case httpx.TransportError() | ConnectionError() | TimeoutError():
            return Fault.PERMANENT if _distrusts_certificate(outcome) else Fault.TRANSIENT
        case _:
            return Fault.PERMANENT


def _distrusts_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
