# Made from solutions/m01_rest/09_circuit_breaker.ipynb: edit it there.
"""Whom we call, and what one exchange tells about their health."""

import hashlib
from enum import StrEnum
from urllib.parse import urlsplit

from ingestion.errors import CircuitOpenError, Fault, PermanentError, classify
from ingestion.http_library import httpx

__all__ = ["Verdict", "upstream_name", "verdict_of"]


_DEFAULT_PORT = {"http": 80, "https": 443}


class Verdict(StrEnum):
    """What one exchange says about the upstream: alive, ailing, or nothing."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"


def verdict_of(outcome: httpx.Response | BaseException) -> Verdict:
    """Say what one exchange, ended by a response or an exception, tells about the health of the upstream.

    Server errors, time-outs and broken connections count against it. Any other answer shows that it is alive,
    even a 404; but 429 says nothing (it asks for patience, which the rate limiter gives), and neither does a
    request that was cancelled, or that never left for a reason of our own.
    """
    if isinstance(outcome, httpx.Response):
        return _verdict_of_status(outcome.status_code)
    if isinstance(outcome, PermanentError) and outcome.status_code is not None:
        return _verdict_of_status(outcome.status_code)
    is_ours = not isinstance(outcome, Exception) or isinstance(outcome, httpx.PoolTimeout | CircuitOpenError)
    return Verdict.FAILED if not is_ours and classify(outcome) is Fault.TRANSIENT else Verdict.ABANDONED


def _verdict_of_status(status_code: int) -> Verdict:
    if status_code >= 500:
        return Verdict.FAILED
    return Verdict.ABANDONED if status_code == 429 else Verdict.SUCCEEDED


def upstream_name(url: str, credential: str = "") -> str:
    """Name what shares one circuit and one rate limit: the origin of *url*, as called with *credential*.

    One account's revoked key must not stop another's calls, nor use up its share. The name does not give the
    credential away.
    """
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORT.get(parts.scheme, 0)
    account = f"#{hashlib.sha256(credential.encode()).hexdigest()[:16]}" if credential else ""
    return f"{parts.scheme}://{parts.hostname}:{port}{account}"
