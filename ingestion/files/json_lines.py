# Made from solutions/m02_push/16_json_lines.ipynb: edit it there.
"""JSON as it comes, one object a line or one array of them: read exactly, or set aside, in bounded memory."""

import codecs
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import msgspec

from ingestion.errors import ContractViolationError, CorruptError
from ingestion.files.compression import Readable
from ingestion.files.json_text import (
    BLANK,
    SCALAR,
    TOKEN,
    Span,
    after_white,
    flat_spans,
    in_pieces,
    line_spans,
    names_of,
    once_each,
    refuse_constant,
    refuse_unstorable,
)
from ingestion.files.parsed import Mark, Parsed
from ingestion.files.schema import Schema
from ingestion.files.values import exact_number
from ingestion.files.window import Window, bad_rows

__all__ = ["decode_exact", "read_json", "read_row", "strict_json", "value_end"]


def strict_json(text: bytes) -> Any:
    """Decode one JSON value, exactly: integers of any size, and numbers with a fraction or exponent as `Decimal`.

    Raises:
        ValueError: what is no JSON (RFC 8259), though a lenient parser takes it: a name that stands twice in one
            object, `NaN` or `Infinity`, half a surrogate pair, a NUL character, bytes that are not UTF-8, nesting
            too deep to follow, a number out of all range. It says which.
    """
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=once_each, parse_constant=refuse_constant, parse_float=exact_number
        )
        if b"\\u" in text:
            refuse_unstorable(value)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def decode_exact(
    texts: Sequence[bytes], decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> list[Any | None]:
    """Decode each of *texts*, in C from one failure to the next; None for one that may have lost something.

    Nothing was lost where *encode* makes the same bytes again of what *decode* made of them. None stands for every
    other one, and for every one that *decode* refuses with a `ValueError` or `RecursionError`. Never raises those.
    """
    decoded: list[Any | None] = []
    rest = iter(texts)
    while len(decoded) < len(texts):
        try:
            decoded.extend(map(decode, rest))  # keeps what came before a failure
        except (ValueError, RecursionError):
            decoded.append(None)
    same = zip(decoded, map(encode, decoded), texts, strict=True)
    return [value if again == text else None for value, again, text in same]


def value_end(data: bytes, start: int) -> int | None:
    """Say where the JSON value ends that begins at *start*; None if *data* ends before that is known.

    An object or array ends with the bracket that closes it, not counting those in strings. What stands inside need not
    be valid: a bad value must not hide the good ones after it. A number or word ends where a comma, a bracket or white
    space follows.

    Raises:
        CorruptError: no value begins at *start*.
    """
    if data[start : start + 1] not in (b"{", b"[", b'"'):
        scalar = SCALAR.match(data, start)
        if scalar is None:
            raise CorruptError("a value is missing")
        return scalar.end() if scalar.end() < len(data) else None
    depth = 0
    for token in TOKEN.finditer(data, start):
        if token[0] == b'"':
            return None
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        if depth == 0:
            return token.end()
    return None


_TYPES = {"int64": int, "boolean": bool, "json": Any}
_encode = msgspec.json.Encoder().encode
_NUL = b"\\u0000"


class _Rows:
    """Turns objects into records."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._has_nested = any(column.kind == "json" for column in schema.columns)
        self._names: tuple[str, ...] = ()
        self._learn(schema.names)

    def _learn(self, names: tuple[str, ...]) -> None:
        """Expect objects with their names in this order, if it is one of the schema's names."""
        if names == self._names or sorted(names) != sorted(self._schema.names):
            return
        rename = {f"field_{place}": name for place, name in enumerate(names)}
        types = {column.name: _TYPES.get(column.kind, str) for column in self._schema.columns}
        fields = [(field, types[name] | None) for field, name in rename.items()]
        made = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
        self._names, self._decode = names, msgspec.json.Decoder(made).decode

    def parse(self, data: bytes, spans: Sequence[Span], mark: Mark, end: int) -> Parsed:
        """Parse the objects at *spans*; *mark* stands at the start of *data*, and *end* is used up."""
        texts = [data[start:to] for start, to in spans]
        if texts:
            self._learn(names_of(texts[0]))
        rows: list[tuple[Any, ...]] = []
        places: list[int] = []
        bad: dict[int, str] = {}
        for index, value in enumerate(decode_exact(texts, self._decode, _encode)):
            if value is not None and not (self._has_nested and _NUL in texts[index]):
                rows.append(msgspec.structs.astuple(value))
                places.append(index)
            elif texts[index].strip(BLANK):
                try:
                    rows.append(self._careful(texts[index]))
                    places.append(index)
                except ValueError as error:
                    bad[index] = str(error)
        columns = list(zip(*rows, strict=True)) or [()] * len(self._names)
        converted = self._schema.from_json([columns[self._names.index(name)] for name in self._schema.names])
        records = self._schema.records(converted.columns, converted.bad)
        bad |= {places[index]: reason for index, reason in converted.bad.items()}
        after = Mark(mark.offset + end, mark.row + len(records) + len(bad), mark.line + data.count(b"\n", 0, end))
        set_aside = [(*spans[index], reason) for index, reason in sorted(bad.items())]
        return Parsed(tuple(records), tuple(bad_rows(data, set_aside, mark, form="json")), after)

    def _careful(self, text: bytes) -> tuple[Any, ...]:
        value = strict_json(text)
        if not isinstance(value, dict):
            raise ValueError(f"no object, but {type(value).__name__}")
        if value.keys() != set(self._names):
            missing, more = sorted(set(self._names) - set(value)), sorted(set(value) - set(self._names))
            raise ValueError(f"not the declared names: missing {missing[:10]}, not declared {more[:10]}")
        return tuple(map(value.get, self._names))


def read_row(text: bytes, schema: Schema) -> Parsed:
    """Read one row on its own as `read_json` reads it in its file, where it is a line or an element."""
    return _Rows(schema).parse(text, [(0, len(text))], Mark(), len(text))


def _elements(data: bytes, is_first: bool) -> tuple[list[Span], int, bool]:
    """Give the spans of the whole elements in *data*, where the last one ends, and whether the array ends there."""
    spans: list[Span] = []
    at = 0
    while True:
        if not is_first:
            spans += flat_spans(data, at)
            at = spans[-1][1] if spans else at
        sign = after_white(data, at)
        start = after_white(data, sign + 1)
        if data[start : start + 1] == b"]" if is_first else data[sign : sign + 1] == b"]":
            return spans, at, True
        if data[sign : sign + 1] not in (b"[" if is_first else b",", b""):
            raise CorruptError(f"an array goes on with {data[sign : sign + 20]!r}")
        end = value_end(data, start) if start < len(data) else None
        if end is None:
            return spans, at, False
        spans.append((start, end))
        at, is_first = end, False


def read_json(
    stream: Readable,
    schema: Schema,
    *,
    start: Mark | None = None,
    block_bytes: int = 1 << 18,
    max_record_bytes: int = 1 << 22,
) -> Iterator[Parsed]:
    """Read a file of JSON in stretches of about *block_bytes*: one array if it begins with `[`, else an object a line.

    Every row comes out once, as a record that holds exactly what stands in the file, or as a bad row. A file without
    rows gives nothing.

    Args:
        stream: The unpacked content, from its first byte.
        schema: Its columns, by name.
        start: Go on here, where an earlier reader of the same content left its mark.
        block_bytes: How much to read at a time.
        max_record_bytes: How long a row may be: a longer line is a bad row, a longer element fails the file.

    Raises:
        CorruptError: an array is not closed, or has something after it or between its elements.
        ContractViolationError: it is UTF-16, or an element is too long.
    """
    window = Window(stream, block_bytes)
    while not window.ended and len(window.data) <= max_record_bytes:
        window.grow()
        if len(window.data) > 3 and window.data.removeprefix(codecs.BOM_UTF8).strip(BLANK):
            break
    if window.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ContractViolationError("the file is UTF-16, wanted is UTF-8")
    content = window.data.removeprefix(codecs.BOM_UTF8)
    read = _read_array if content.lstrip(BLANK).startswith(b"[") else _read_lines
    mark = start if start and start.offset else Mark(len(window.data) - len(content))
    window.drop_to(mark.offset)
    for parsed in read(window, _Rows(schema), mark, max_record_bytes):
        if parsed.records or parsed.bad:
            yield parsed


def _read_lines(window: Window, rows: _Rows, mark: Mark, max_record_bytes: int) -> Iterator[Parsed]:
    while window.data or not window.ended:
        window.grow()
        cut = len(window.data) if window.ended else window.data.rfind(b"\n") + 1
        if cut:
            mark = yield from _parsed(window, rows, line_spans(window.data, cut), mark, cut)
        elif len(window.data) > max_record_bytes:
            yield (parsed := window.skip_line(b"\n", mark, max_record_bytes))
            mark = parsed.mark


def _parsed(window: Window, rows: _Rows, spans: Sequence[Span], mark: Mark, end: int) -> Generator[Parsed, None, Mark]:
    for piece, size in in_pieces(spans, end):
        parsed = rows.parse(window.data, piece, mark, size)
        window.drop(size)
        yield parsed
        mark = parsed.mark
    return mark


def _read_array(window: Window, rows: _Rows, mark: Mark, max_record_bytes: int) -> Iterator[Parsed]:
    is_closed = False
    while not is_closed:
        window.grow()
        spans, end, is_closed = _elements(window.data, is_first=mark.row == 0)
        mark = yield from _parsed(window, rows, spans, mark, end)
        if window.ended and not is_closed:
            raise CorruptError("the array is never closed: the file was cut off")
        if len(window.data) > max_record_bytes:
            raise ContractViolationError(
                f"an element longer than {max_record_bytes} bytes: is a quote or bracket open?"
            )
    window.drop(window.data.index(b"]") + 1)
    window.expect_only(BLANK)
