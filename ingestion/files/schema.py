# Made from solutions/m02_push/15_delimited.ipynb: edit it there.
"""The declared columns of a file, and the one spelling that each value has in a record's payload."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from ingestion.errors import ConfigurationError
from ingestion.files.columns import Column
from ingestion.files.values import Exact, convert_column, exact_json, exact_text
from ingestion.record import Record

__all__ = ["Converted", "Schema"]


class Converted(msgspec.Struct, frozen=True):
    """Columns as the payload spells them, and what is wrong with some of the rows, by their index."""

    columns: list[Sequence[Any]]
    bad: dict[int, str]


class Schema(msgspec.Struct, frozen=True, dict=True):
    """What the rows of one kind of file look like. Nothing is ever inferred from the values.

    Attributes:
        source: Of the records.
        stream: Of the records.
        columns: In any order: a file says which order it has.
        key: The column that is a record's key: `text` or `int64`, not nullable.
        occurred_at: The column that says when the source last changed the row: a `timestamp`, not nullable.

    Raises:
        ConfigurationError: a name stands there twice, or `key` or `occurred_at` names no such column.
    """

    source: str
    stream: str
    columns: tuple[Column, ...]
    key: str
    occurred_at: str

    def __post_init__(self) -> None:
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"{self.source}.{self.stream}: the column {twice[0]!r} is declared twice")
        for role, name, kinds in (
            ("key", self.key, ("text", "int64")),
            ("occurred_at", self.occurred_at, ("timestamp",)),
        ):
            if not any(c.name == name and c.kind in kinds and not c.nullable for c in self.columns):
                wanted = f"a column that is {' or '.join(kinds)} and not nullable"
                raise ConfigurationError(f"{self.source}.{self.stream}: {role} has to name {wanted}; {name!r} is none")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def from_text(self, columns: Sequence[Sequence[str | None]]) -> Converted:
        """Convert columns of text, as a CSV file has them; None is null. In the order of `columns`."""
        return self._convert(columns, exact_text)

    def from_json(self, columns: Sequence[Sequence[Any]]) -> Converted:
        """Convert columns of decoded JSON, in the order of `columns`. Exact fractions come as `Decimal`."""
        return self._convert(columns, exact_json)

    def _convert(self, columns: Sequence[Sequence[Any]], exact: Exact) -> Converted:
        bad: dict[int, str] = {}
        each = zip(self.columns, columns, strict=True)
        converted = [convert_column(column, values, exact, bad) for column, values in each]
        keys = converted[self._key]
        if "" in keys:
            bad |= {index: f"{self.key}: a key is not empty" for index, key in enumerate(keys) if key == ""}
        return Converted(converted, bad)

    def records(self, columns: Sequence[Sequence[Any]], skip: Collection[int] = ()) -> list[Record]:
        """Make a record of each row of *columns*, in the payload's spelling, but those whose index is in *skip*."""
        if skip:
            columns = [[value for index, value in enumerate(values) if index not in skip] for values in columns]
        payloads = map(_encode, map(self._row, *[columns[index] for index in self._sorted]))
        instants = map(datetime.fromisoformat, columns[self._at])
        return [
            Record(self.source, self.stream, key, payload, occurred_at, hashlib.sha256(payload).digest())
            for key, payload, occurred_at in zip(map(str, columns[self._key]), payloads, instants, strict=True)
        ]

    @cached_property
    def _key(self) -> int:
        return self.names.index(self.key)

    @cached_property
    def _at(self) -> int:
        return self.names.index(self.occurred_at)

    @cached_property
    def _sorted(self) -> list[int]:
        return sorted(range(len(self.names)), key=self.names.__getitem__)

    @cached_property
    def _row(self) -> Callable[..., msgspec.Struct]:
        """Makes what is encoded as a payload: its fields are in the order of canonical JSON."""
        names = {f"field_{index}": self.names[index] for index in self._sorted}
        return msgspec.defstruct("Row", [(field, Any) for field in names], rename=names, gc=False)


_encode = msgspec.json.Encoder().encode
