# Made from solutions/m01_rest/11_offset.ipynb: edit it there.
"""One page of a REST listing: its bytes are decoded once, into records, rejects and what the envelope says."""

import hashlib
from collections.abc import Mapping
from types import GenericAlias, NoneType
from typing import Any

import msgspec
import orjson

from ingestion.errors import ContractViolationError, CorruptError
from ingestion.record import Record, Reject, canonical_json, read_instant
from ingestion.rest.row_spans import parse_leniently, row_spans, without_depths

__all__ = ["Page", "RowMark", "RowShape", "decode_page", "record_of"]


_LONGEST_KEY = 500
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", NoneType: "null"}


class RowShape(msgspec.Struct, frozen=True, kw_only=True):
    """How a listing spells its rows.

    Attributes:
        source: The system, such as `shop`.
        stream: The collection within it, such as `orders`.
        key_field: The field that identifies a row: text that is not empty, or a whole number.
        occurred_at_field: The field that says when the row last changed: RFC 3339 with an offset.
        rows_field: The envelope's field that holds the rows; None when the page is the bare array.
        row_type: A type, such as a `msgspec.Struct`, that every row must fit; fields it does not name are kept.
    """

    source: str
    stream: str
    key_field: str = "id"
    occurred_at_field: str = "updated_at"
    rows_field: str | None = "data"
    row_type: Any = None


class RowMark(msgspec.Struct, frozen=True, gc=False):
    """Where a row stands in the order (changed, key), both spelt as the server spelt them."""

    occurred_at_text: str
    key: str


class Page(msgspec.Struct, frozen=True):
    """What one response held.

    Attributes:
        records: The good rows, in the order of the page.
        rejects: The rows that cannot become records; `ordinal` is the place in the page, from 0.
        envelope: Everything around the rows (`total`, `has_more`, a cursor); empty for a bare array.
        last: The mark of the last row that can be placed, even if that row is a reject.
    """

    records: tuple[Record, ...]
    rejects: tuple[Reject, ...]
    envelope: Mapping[str, Any]
    last: RowMark | None

    @property
    def row_count(self) -> int:
        """How many rows the server sent, good and bad."""
        return len(self.records) + len(self.rejects)

    def says(self, field: str) -> bool | None:
        """Read a yes or a no from the envelope; None for anything else, such as `"false"`, `0` or nothing."""
        answer = self.envelope.get(field)
        return answer if isinstance(answer, bool) else None


def decode_page(body: bytes, shape: RowShape) -> Page:
    """Decode *body* once and make a record of each row.

    One bad row never costs its page: it comes back as a reject, with its bytes as they came. That holds for rows
    that are not objects, lack a key or an instant, carry a naive instant, and for text that no JSON column can store
    (NUL characters, lone surrogates, bytes that are not UTF-8). Whole numbers of any size stay exact.

    Raises:
        CorruptError: the body is not JSON, or has no list of rows where *shape* says: an answer that must never be
            taken for "no more rows".
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_row_by_row(body, shape)
    rows, envelope = _open_envelope(document, shape)
    if b"\\" in body and b"\\u0000" in body:  # one byte is found much quicker than six
        return _decode_row_by_row(body, shape)
    try:
        if shape.row_type is not None:
            msgspec.convert(rows, GenericAlias(list, shape.row_type))  # all at once: a third cheaper than one by one
        records = tuple([_record(row, shape) for row in rows])
    except (msgspec.ValidationError, ContractViolationError):
        return _decode_row_by_row(body, shape)
    return Page(records, (), envelope, _mark(rows[-1], shape) if rows else None)


def _open_envelope(document: Any, shape: RowShape) -> tuple[list[Any], dict[str, Any]]:
    where = f"{shape.source}.{shape.stream}"
    if shape.rows_field is None:
        if not isinstance(document, list):
            raise CorruptError(f"{where}: the page is a JSON {_kind(document)}, not a list of rows")
        return document, {}
    if not isinstance(document, dict):
        raise CorruptError(f"{where}: the page is a JSON {_kind(document)}, not an object with {shape.rows_field!r}")
    rows = document.get(shape.rows_field)
    if not isinstance(rows, list):
        found = f"holds a JSON {_kind(rows)}" if shape.rows_field in document else "is missing"
        raise CorruptError(f"{where}: {shape.rows_field!r} {found}; expected the list of rows")
    return rows, {name: value for name, value in document.items() if name != shape.rows_field}


def _record(row: Any, shape: RowShape) -> Record:
    """Make the record of one decoded row, or raise ContractViolationError saying what is wrong with it."""
    if type(row) is not dict:
        raise ContractViolationError(f"the row is a JSON {_kind(row)}, not an object")
    key = row.get(shape.key_field)
    if type(key) is int:
        key = str(key)
    elif type(key) is not str or not 0 < len(key) <= _LONGEST_KEY:
        raise ContractViolationError(
            f"{shape.key_field!r} is {_found(row, shape.key_field)};"
            f" expected a whole number or 1 to {_LONGEST_KEY} characters"
        )
    occurred_at = read_instant(row.get(shape.occurred_at_field))
    if occurred_at is None:
        found = _found(row, shape.occurred_at_field)
        raise ContractViolationError(f"{shape.occurred_at_field!r} is {found}; expected an instant with its offset")
    try:
        payload = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a whole number past 64 bits: rare, and exact the slow way
        payload = canonical_json(row)
    return Record(shape.source, shape.stream, key, payload, occurred_at, hashlib.sha256(payload).digest())


def _check_type(row: dict[str, Any], row_type: Any) -> None:
    try:
        msgspec.convert(row, row_type)
    except msgspec.ValidationError as error:
        raise ContractViolationError(str(error)) from None


def _mark(row: Any, shape: RowShape) -> RowMark | None:
    if not isinstance(row, dict):
        return None
    text, key = row.get(shape.occurred_at_field), row.get(shape.key_field)
    is_key = type(key) is int or (type(key) is str and len(key) <= _LONGEST_KEY)
    if not is_key or not isinstance(text, str) or read_instant(text) is None:
        return None
    try:
        f"{text}{key}".encode()
    except UnicodeEncodeError:  # half a character cannot be sent back
        return None
    return RowMark(text, str(key))


def _decode_row_by_row(body: bytes, shape: RowShape) -> Page:
    """Set the bad rows of a page aside. Slow, and only walked by pages that hold one."""
    text = plain = body.decode("utf-8", "surrogateescape")
    try:
        try:
            document = parse_leniently(text)
        except RecursionError:
            plain = without_depths(text)
            document = parse_leniently(plain)
        _, envelope = _open_envelope(document, shape)
        rows = list(row_spans(plain, shape.rows_field))
    except (ValueError, RecursionError) as error:
        what = f"{shape.source}.{shape.stream}: the page of {len(body)} bytes is not JSON"
        raise CorruptError(f"{what}: {error}") from None
    records: list[Record] = []
    rejects: list[Reject] = []
    last: RowMark | None = None
    for ordinal, (row, start, end) in enumerate(rows):
        raw = text[start:end].encode("utf-8", "surrogateescape")
        last = _mark(row, shape) or last
        try:
            records.append(record_of(raw, shape))
        except ContractViolationError as error:
            rejects.append(Reject(shape.source, shape.stream, raw, str(error), ordinal))
    return Page(tuple(records), tuple(rejects), envelope, last)


def record_of(raw: bytes, shape: RowShape) -> Record:
    """Make the record of one row from its own bytes, as kept in a reject.

    Raises:
        ContractViolationError: what is wrong with the row.
    """
    try:
        row = msgspec.json.decode(raw)
    except UnicodeDecodeError:
        raise ContractViolationError("the row is not UTF-8") from None
    except (msgspec.MsgspecError, RecursionError):
        raise ContractViolationError(
            "the row holds what JSON text cannot: half a surrogate pair, a number out of range or bottomless nesting"
        ) from None
    if b"\\u0000" in raw and _holds_nul(row):
        raise ContractViolationError("the row holds a NUL character, which no text or jsonb column can store")
    record = _record(row, shape)
    if shape.row_type is not None:
        _check_type(row, shape.row_type)
    return record


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(map(_holds_nul, value)) or any(map(_holds_nul, value.values()))
        case list():
            return any(map(_holds_nul, value))
        case _:
            return False


def _found(row: dict[str, Any], field: str) -> str:
    return f"a JSON {_kind(row[field])}" if field in row else "missing"


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "number")
