# Made from solutions/m02_push/09_receiver.ipynb: edit it there.
"""What the receiver takes in, and what it answers: a delivery, its fate, and the HTTP answer to each."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import orjson

from ingestion.webhooks.providers import Verified

__all__ = ["NOT_STORED", "STORED", "Answer", "Delivery", "Fate", "refusal"]


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One request whose signature was right, with the body in the very bytes that were signed."""

    verified: Verified
    body: bytes


class Fate(StrEnum):
    """What became of a delivery. Each is stored, and answered 200: none of them gets better by sending it again."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    PARKED = "parked"


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer: its two ASGI messages, and the name it is counted under."""

    status: int
    label: str
    start: dict[str, object]
    end: dict[str, object]

    @classmethod
    def of(
        cls, status: int, content: dict[str, str], headers: Sequence[tuple[bytes, bytes]] = (), *, label: str = ""
    ) -> "Answer":
        """Make an answer with a JSON body."""
        body = orjson.dumps(content)
        about = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
        start = {"type": "http.response.start", "status": status, "headers": about}
        return cls(status, label or str(status), start, {"type": "http.response.body", "body": body})


def refusal(status: int, reason: str, *headers: tuple[bytes, bytes], is_last: bool = False) -> Answer:
    """Make an answer that says why not. *is_last* also ends the connection."""
    return Answer.of(status, {"error": reason}, [*headers, (b"connection", b"close")] if is_last else headers)


STORED = {fate: Answer.of(200, {"status": fate.value}, label=fate.value) for fate in Fate}

NOT_STORED = "not stored, send it again"
