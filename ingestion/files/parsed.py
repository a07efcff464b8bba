# Made from solutions/m02_push/14_manifest.ipynb: edit it there.
"""What the readers of files give out: records, the rows that are none, and where to go on."""

import msgspec

from ingestion.errors import ContractViolationError
from ingestion.record import Record

__all__ = ["MOST_RAW_BYTES", "BadRow", "ErrorBudget", "Mark", "Parsed"]


MOST_RAW_BYTES = 1 << 16


class Mark(msgspec.Struct, frozen=True):
    """A place in a file: everything before it has been given out, and nothing after it.

    Attributes:
        offset: Bytes of the decoded content before it. A format that is not read as a stream leaves it at 0.
        row: Rows before it, bad ones included.
        line: The line that begins there, counted from 1.
    """

    offset: int = 0
    row: int = 0
    line: int = 1


class BadRow(msgspec.Struct, frozen=True):
    """A row that could not become a record.

    Attributes:
        line: Where it begins; for a format without lines, the number of the row, counted from 1.
        offset: The byte of the decoded content where it begins.
        raw: Its bytes as they stand in the file; of a longer row the first `MOST_RAW_BYTES`.
        raw_size_bytes: How many it has in all.
        reason: What is wrong with it, in one line.
        form: What kind of file it stands in.
        context: What it takes besides *raw* to read it on its own.
    """

    line: int
    offset: int
    raw: bytes
    raw_size_bytes: int
    reason: str
    form: str = ""
    context: bytes = b""


class Parsed(msgspec.Struct, frozen=True):
    """One stretch of a file. *mark* stands after it; records and bad rows are each in the order of the file."""

    records: tuple[Record, ...]
    bad: tuple[BadRow, ...]
    mark: Mark


class ErrorBudget(msgspec.Struct, frozen=True):
    """How much of one file may be bad before the file is.

    Attributes:
        share: The share of its rows.
        free: So many bad rows never fail a file, however short it is.
    """

    share: float = 0.01
    free: int = 10

    def check(self, read: int, bad: int) -> None:
        """Say nothing while *bad* of the *read* rows so far are few enough.

        Raises:
            ContractViolationError: they are not.
        """
        if bad > self.free and bad > self.share * read:
            raise ContractViolationError(
                f"{bad} of the first {read} rows are bad, more than {self.share:.1%}: has the file's layout changed?"
            )
