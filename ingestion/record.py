# Made from solutions/m01_rest/03_record.ipynb: edit it there.
"""The one shape that every source emits: records, in batches, each batch with the position after it."""

import hashlib
import json
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec
import orjson

from ingestion.errors import ContractViolationError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["Batch", "Position", "Record", "Reject", "Source", "canonical_json", "content_hash", "read_instant"]


_CANONICAL = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def canonical_json(value: Any) -> bytes:
    """Spell *value* as JSON in exactly one way: keys sorted, no white space, UTF-8 without escapes.

    Documents that differ only in key order, white space, escapes or how they spell a fraction (`1.0`, `1.00`) give the
    same bytes. Documents that differ in anything else do not: array order, `1` and `"1"`, `1` and `1.0`, composed and
    decomposed letters. Integers stay exact.

    Raises:
        ContractViolationError: *value* has no JSON spelling: NaN, infinity, a key that is not a string, a lone
            surrogate, a foreign type, nesting without end, an integer of more than 4,300 digits.
    """
    try:
        text = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise ContractViolationError(f"no canonical JSON for this {type(value).__name__}: {error}") from None
        return _with_big_integers(value)
    if b"null" in text and _holds_non_finite(value):  # orjson writes NaN as null
        raise ContractViolationError("no canonical JSON for NaN or infinity")
    return text


def _with_big_integers(value: Any) -> bytes:
    if not _has_only_string_keys(value):
        raise ContractViolationError("no canonical JSON for a key that is not a string")
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ContractViolationError(f"no canonical JSON for this {type(value).__name__}: {error}") from None


def _holds_non_finite(value: Any) -> bool:
    match value:
        case float():
            return not math.isfinite(value)
        case dict():
            return any(map(_holds_non_finite, value.values()))
        case list() | tuple():
            return any(map(_holds_non_finite, value))
        case _:
            return False


def _has_only_string_keys(value: Any) -> bool:
    match value:
        case dict():
            return all(type(key) is str for key in value) and all(map(_has_only_string_keys, value.values()))
        case list() | tuple():
            return all(map(_has_only_string_keys, value))
        case _:
            return True


def content_hash(canonical: bytes) -> bytes:
    """Give the 32 bytes that stand for a payload: SHA-256 over its canonical JSON."""
    return hashlib.sha256(canonical).digest()


def read_instant(text: Any) -> datetime | None:
    """Read an instant as JSON has it, text with an offset; None for anything else, and outside the years 1 to 9999."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return None
        if not 1 < moment.year < 9999:
            moment.astimezone(UTC)  # there may be no such year in UTC
    except (TypeError, ValueError, OverflowError):
        return None
    return moment


class Record(msgspec.Struct, frozen=True, gc=False):
    """One row from one stream of one source.

    Attributes:
        source: The system it came from, such as `shop`.
        stream: The collection within it, such as `orders`.
        key: The source's own identity for it, unique within the stream.
        payload: Canonical JSON.
        occurred_at: When the source last changed it; aware.
        content_hash: `content_hash(payload)`.
    """

    source: str
    stream: str
    key: str
    payload: bytes
    occurred_at: datetime
    content_hash: bytes

    @classmethod
    def of(cls, source: str, stream: str, key: str, payload: Any, occurred_at: datetime) -> Self:
        """Make a record from decoded JSON.

        Raises:
            ContractViolationError: an empty key, a naive *occurred_at*, or a payload without canonical JSON.
        """
        if not key:
            raise ContractViolationError(f"a record of {source}.{stream} has an empty key")
        if occurred_at.utcoffset() is None:
            raise ContractViolationError(f"{source}.{stream} {key}: occurred_at {occurred_at} names no time zone")
        canonical = canonical_json(payload)
        return cls(source, stream, key, canonical, occurred_at, content_hash(canonical))

    def data(self) -> Any:
        """Decode the payload."""
        return json.loads(self.payload)


class Reject(msgspec.Struct, frozen=True, gc=False):
    """One item of a stream that could not become a record.

    Attributes:
        raw: The bytes as they came.
        reason: What was wrong with them, in one line.
        ordinal: Its place within the page, file or delivery that it came in.
        raw_size_bytes: How many bytes it has in all, where *raw* is only the first of them; else 0.
        form: How *raw* is read again on its own, where a stream knows more than one way.
        context: What that takes besides *raw*, such as the header of a CSV file.
        origin: Which file it came in, and where it stands there.
    """

    source: str
    stream: str
    raw: bytes
    reason: str
    ordinal: int
    raw_size_bytes: int = 0
    form: str = ""
    context: bytes = b""
    origin: str = ""


class Position(Protocol):
    """How far a source has been read. Saves itself in the transaction that lands the rows before it."""

    async def save(self, connection: "AsyncConnection[Any]") -> None:
        """Write this position through *connection*, inside the transaction open on it; never commits."""


class Batch(msgspec.Struct, frozen=True):
    """What lands in one transaction: records, the items that could not become records, and the position after both."""

    records: tuple[Record, ...]
    position: Position | None = None
    rejects: tuple[Reject, ...] = ()


class Source(Protocol):
    """A place that records come from: knows how to find the next batch, and nothing of landing."""

    source: str
    stream: str

    async def last_position(self, connection: "AsyncConnection[Any]") -> Position | None:
        """Load the position saved last, or None when nothing of this stream has landed yet."""

    def batches(self, position: Any) -> AsyncIterator[Batch]:
        """Yield every batch after *position* (None: from the start), in an order in which positions never go back."""
        ...
