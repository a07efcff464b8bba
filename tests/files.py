"""A small schema, and files of it."""

import io
from collections.abc import Iterator
from typing import Any, Protocol

from ingestion.errors import ContractViolationError
from ingestion.files.columns import Column
from ingestion.files.parsed import BadRow, Mark, Parsed
from ingestion.files.schema import Schema
from ingestion.record import Record

PARCELS = Schema(
    "test",
    "parcels",
    (
        Column("id", "text"),
        Column("note", "text", nullable=True),
        Column("pieces", "int64", nullable=True),
        Column("price", "decimal", nullable=True, precision=10, scale=2),
        Column("fragile", "boolean", nullable=True),
        Column("due", "date", nullable=True),
        Column("at", "timestamp"),
    ),
    "id",
    "at",
)
HEADER = "id,note,pieces,price,fragile,due,at"
AT = "2026-03-01T00:00:00.000000Z"


class Spy(Schema, frozen=True, dict=True):
    """Keeps the columns that a reader gives it, and makes no records: it needs no key and no instant."""

    seen: list[tuple[Any, ...]]

    @classmethod
    def on(cls, *columns: Column) -> "Spy":
        return cls("test", "seen", columns, "", "", [])

    def __post_init__(self) -> None:
        pass

    def from_text(self, columns: Any) -> Any:
        self.seen.extend(zip(*columns, strict=True))
        raise ContractViolationError("seen")


class Reader(Protocol):
    def __call__(self, stream: Any, schema: Schema, **options: Any) -> Iterator[Parsed]: ...


class Trickle(io.RawIOBase):
    """A stream that cannot seek and gives few bytes at a time."""

    def __init__(self, content: bytes, most: int) -> None:
        self._content = io.BytesIO(content)
        self._most = most

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(min(size, self._most) if size >= 0 else self._most)


def all_of(
    reader: Reader, content: bytes, schema: Schema = PARCELS, **options: Any
) -> tuple[list[Record], list[BadRow], Mark]:
    """Everything that one reader gives, put together."""
    records: list[Record] = []
    bad: list[BadRow] = []
    mark = options.get("start") or Mark()
    for parsed in reader(io.BytesIO(content), schema, **options):
        assert len(parsed.records) + len(parsed.bad) == parsed.mark.row - mark.row
        assert parsed.mark.offset > mark.offset
        records += parsed.records
        bad += parsed.bad
        mark = parsed.mark
    return records, bad, mark


def same_however_read(reader: Reader, content: bytes, schema: Schema = PARCELS, **options: Any) -> None:
    """In blocks of any size, and taken up again after any of them, a file gives the same."""
    whole = all_of(reader, content, schema, **options)
    for size in (1, 2, 3, 7, 50, 64, 1000):
        small = all_of(reader, content, schema, block_bytes=size, **options)
        assert small[:2] == whole[:2], f"in blocks of {size} bytes"
    marks = [parsed.mark for parsed in reader(io.BytesIO(content), schema, block_bytes=20, **options)]
    for mark in marks:
        records, bad, _ = all_of(reader, content, schema, start=mark, **options)
        seen = mark.row
        assert len(records) + len(bad) == len(whole[0]) + len(whole[1]) - seen
        assert records == whole[0][len(whole[0]) - len(records) :]
        assert bad == whole[1][len(whole[1]) - len(bad) :]
        through = [
            row for parsed in reader(Trickle(content, 11), schema, start=mark, **options) for row in parsed.records
        ]
        assert through == records
