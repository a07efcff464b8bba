# Made from solutions/m02_push/09_receiver.ipynb: edit it there.
"""How much of a request is looked at before it is refused: its head first, then its body while that arrives."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from ingestion.webhooks.delivery import Answer, refusal
from ingestion.webhooks.providers import Headers

__all__ = [
    "BodyBudget",
    "Limits",
    "Message",
    "Receive",
    "RefusedError",
    "Scope",
    "Send",
    "check_head",
    "linger",
    "too_large",
]


Message = Mapping[str, Any]

Scope = Mapping[str, Any]

Receive = Callable[[], Awaitable[Message]]

Send = Callable[[Message], Awaitable[None]]


class Limits(msgspec.Struct, frozen=True):
    """What a request may cost.

    Attributes:
        head_bytes: All headers together.
        body_bytes: The largest body. GitHub sends up to 25 MB, and almost never more than 100 kB.
        body_s: From the end of the head to the end of the body.
        reading_bytes: All bodies together that are not complete yet.
    """

    head_bytes: int = 32 << 10
    body_bytes: int = 1 << 20
    body_s: float = 8.0
    reading_bytes: int = 64 << 20


class RefusedError(Exception):
    """Ends the reading of a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


_ENCODED = "send the body as it was signed, without Content-Encoding"

_NOT_JSON = "send Content-Type: application/json"

_ONCE = (b"content-type", b"content-encoding", b"content-length")


def check_head(headers: Headers, limits: Limits) -> None:
    """Refuse what the head alone shows to be wrong, before a byte of the body is read.

    A compressed body (415), another media type than JSON (415), a declared length above the limit (413), one
    of these headers given twice (400). A head without a type passes: the signature will decide.

    Raises:
        RefusedError: with the answer.
    """
    seen: dict[bytes, bytes] = {}
    head_bytes = 0
    for name, value in headers:
        head_bytes += len(name) + len(value)
        if name in _ONCE:
            if name in seen:
                raise RefusedError(refusal(400, f"{name.decode()} is given twice", is_last=True))
            seen[name] = value
    if head_bytes > limits.head_bytes:
        raise RefusedError(refusal(431, f"the headers are larger than {limits.head_bytes} bytes", is_last=True))
    if seen.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise RefusedError(refusal(415, _ENCODED, (b"accept-encoding", b"identity"), is_last=True))
    media_type = seen.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if media_type != b"application/json" and not media_type.endswith(b"+json"):
        raise RefusedError(refusal(415, _NOT_JSON, (b"accept", b"application/json"), is_last=True))
    length = seen.get(b"content-length", b"0")
    if not length.isdigit():
        raise RefusedError(refusal(400, "content-length is no number", is_last=True))
    if len(length) > 15 or int(length) > limits.body_bytes:
        raise RefusedError(too_large(limits))


class BodyBudget:
    """Counts the bytes of all bodies that are still arriving, so that many large ones at once are refused."""

    def __init__(self, limits: Limits) -> None:
        self.left = limits.reading_bytes

    def take(self, count: int) -> None:
        """Count bytes that have arrived.

        Raises:
            RefusedError: too much is arriving at once.
        """
        if count > self.left:
            raise RefusedError(refusal(503, "too many large bodies at once", (b"retry-after", b"1"), is_last=True))
        self.left -= count

    def give_back(self, count: int) -> None:
        """Stop counting bytes that were taken."""
        self.left += count


def too_large(limits: Limits) -> Answer:
    """Give the answer to a body that is over the limit."""
    return refusal(413, f"the body is larger than {limits.body_bytes} bytes", is_last=True)


async def linger(receive: Receive, for_s: float = 1.0) -> None:
    """Throw away what a refused sender still sends, for a while.

    A socket closed with unread bytes in it is reset, and the reset can overtake the answer: the sender would see a
    broken connection and try again for days, where it should have read a 413.
    """
    try:
        async with asyncio.timeout(for_s):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
