# Made from solutions/m01_rest/10_client.ipynb: edit it there.
"""One logical call, and what each kind of answer to it means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ingestion.errors import (
    CorruptError,
    Fault,
    IngestionError,
    PermanentError,
    ThrottledError,
    TransientError,
    classify,
)
from ingestion.http_library import httpx
from ingestion.resilience.retry_after import Now, retry_after_s, utc_now

__all__ = [
    "IDEMPOTENCY_KEY",
    "IDEMPOTENT_METHODS",
    "Call",
    "failure",
    "own_headers",
    "refusal",
    "request_was_sent",
    "whole",
]


IDEMPOTENCY_KEY = "idempotency-key"
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

_OWN_HEADERS = frozenset({"authorization", "host"})
_NO_BODY_STATUS = frozenset({204, 205})
_ABOUT_THE_WIRE = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


@dataclass(slots=True)
class Call:
    """One logical call: what all its attempts have in common, and how far the present one has come.

    Attributes:
        headers: Names in lower case.
        may_be_sent: Whether the request of the present attempt may have reached the server.
        has_reauthorized: Whether a refused credential was replaced already.
    """

    method: str
    url: httpx.URL
    headers: dict[str, str]
    body: bytes | None
    expects_json: bool
    deadline_at_s: float
    may_be_sent: bool = False
    has_reauthorized: bool = False

    def __str__(self) -> str:
        """Name it by method and path: the query may hold secrets."""
        return f"{self.method} {self.url.path}"

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice is doing it once."""
        return self.method in IDEMPOTENT_METHODS or bool(self.headers.get(IDEMPOTENCY_KEY))

    def add_idempotency_key(self, key: str | None, make_key: Callable[[], str] | None) -> None:
        """Take *key*; without one, make one for a call that is not repeatable as it is."""
        if key is None and make_key and not self.is_repeatable:
            key = make_key()
        if key is not None:
            self.headers[IDEMPOTENCY_KEY] = key


def own_headers(headers: Mapping[str, str] | None, *, is_json: bool) -> dict[str, str]:
    """Give a call's own headers, names in lower case, with the content type of a JSON body.

    Raises:
        ValueError: one that only the client may set.
    """
    lowered = {"content-type": "application/json"} if is_json else {}
    lowered |= {name.lower(): value for name, value in (headers or {}).items()}
    if taken := _OWN_HEADERS & lowered.keys():
        raise ValueError(f"{', '.join(sorted(taken))}: set by the client alone; give it `authorization`, `base_url`")
    return lowered


def request_was_sent(error: BaseException) -> bool:
    """Say whether the request behind *error* may have reached the server; False only when it certainly did not."""
    return not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def failure(call: Call, error: Exception) -> IngestionError:
    """Say what an exchange without an answer means, in our words: the library's may quote headers."""
    message = f"{call}: {type(error).__name__}"
    match classify(error):
        case Fault.TRANSIENT:
            timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
            return TransientError(message, request_sent=request_was_sent(error), timed_out=timed_out)
        case Fault.CORRUPT:
            return CorruptError(message)
        case _:
            return PermanentError(message)


def refusal(call: Call, response: httpx.Response, *, now: Now = utc_now) -> IngestionError | None:
    """Say what an answer other than the expected one means, or give None when it is the expected one.

    A 2xx has to say that it is JSON, where *call* expects that, and to have a body.
    """
    status = response.status_code
    message = f"{call} answered {status}"
    match classify(response, expects_json=call.expects_json):
        case None if response.content or status in _NO_BODY_STATUS or not call.expects_json:
            return None
        case None | Fault.CORRUPT:
            return CorruptError(f"{message}, but with no JSON")
        case Fault.THROTTLED:
            return ThrottledError(message, retry_after_s=retry_after_s(response.headers, now=now))
        case Fault.TRANSIENT:
            return TransientError(message)
        case _:
            return PermanentError(message, status_code=status)


def whole(response: httpx.Response, body: bytes) -> httpx.Response:
    """Make the answer that callers get: its body is there, and its headers describe that body."""
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _ABOUT_THE_WIRE]
    return httpx.Response(response.status_code, headers=headers, content=body, request=response.request)
