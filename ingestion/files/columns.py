# Made from solutions/m02_push/15_delimited.ipynb: edit it there.
"""What is declared of one column of a file."""

import re
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingestion.errors import ConfigurationError

__all__ = ["KINDS", "MOST_DIGITS", "Column", "Kind"]


Kind = Literal["text", "int64", "float64", "decimal", "boolean", "date", "timestamp", "json"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_DIGITS = 76  # Arrow's widest decimal
_NO_NAME = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class Column(msgspec.Struct, frozen=True):
    """One declared column.

    Attributes:
        precision: Of a decimal: how many digits in all, up to 76.
        scale: Of a decimal: how many of them after the point. Every value is spelled with exactly so many.
        zone: Of a timestamp: the time zone of values that name none. Without it such a value is refused.

    Raises:
        ConfigurationError: there is no such column.
    """

    name: str
    kind: Kind
    nullable: bool = False
    precision: int = 0
    scale: int = 0
    zone: str = ""

    def __post_init__(self) -> None:
        if not self.name or _NO_NAME.search(self.name):
            raise ConfigurationError(f"column {self.name!r}: a name is not empty, and has no control character")
        if self.kind not in KINDS:
            raise ConfigurationError(f"column {self.name}: {self.kind!r} is none of {', '.join(KINDS)}")
        if self.kind == "decimal" and not (1 <= self.precision <= MOST_DIGITS and 0 <= self.scale <= self.precision):
            raise ConfigurationError(f"column {self.name}: there is no decimal({self.precision},{self.scale})")
        try:
            ZoneInfo(self.zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(f"column {self.name}: there is no time zone {self.zone!r}") from None
