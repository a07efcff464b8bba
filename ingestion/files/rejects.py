# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""Bad rows of a file as rejects, how many of them are too many, and what was parked of them as rows again."""

import io
from collections.abc import Iterable, Sequence

from ingestion.errors import ContractViolationError
from ingestion.files.delimited import read_delimited
from ingestion.files.json_lines import read_row
from ingestion.files.notification import Drop
from ingestion.files.parsed import BadRow, ErrorBudget, Parsed
from ingestion.files.schema import Schema
from ingestion.record import Record, Reject
from ingestion.store.dead_letters import DeadLetter

__all__ = ["check_budget", "reject_of", "row_of"]


def reject_of(bad: BadRow, drop: Drop, schema: Schema) -> Reject:
    """Make of a bad row what is parked: its bytes, what it takes to read them again, and where to look for it."""
    where = f"line {bad.line}, byte {bad.offset}" if bad.offset else f"row {bad.line}"
    origin = f"{drop.key} {where}"
    return Reject(
        schema.source,
        schema.stream,
        bad.raw,
        f"{origin}: {bad.reason}",
        bad.line,
        raw_size_bytes=bad.raw_size_bytes,
        form=bad.form,
        context=bad.context,
        origin=origin,
    )


def row_of(letter: DeadLetter, schema: Schema) -> Record:
    """Read a parked row again, by the reader of its kind of file: the record is the one that the file would give.

    Raises:
        ContractViolationError: *schema* refuses it, or what was kept of it is not enough to read it. It says where
            the row came from.
    """
    try:
        stretches = list(_read_again(letter, schema))
        bad = [bad.reason for stretch in stretches for bad in stretch.bad]
        records = [record for stretch in stretches for record in stretch.records]
        if not letter.form and [record.payload for record in records] != [letter.raw]:
            raise ContractViolationError("parked without what it takes to read it again: load its file anew")
        if bad or len(records) != 1:
            raise ContractViolationError(bad[0] if bad else f"{len(records)} rows where one was parked")
    except ContractViolationError as error:
        where = f"{letter.origin}: " if letter.origin else ""
        raise ContractViolationError(f"{where}{error}") from None
    return records[0]


def _read_again(letter: DeadLetter, schema: Schema) -> Iterable[Parsed]:
    match letter.form:
        case "csv":
            # A stray `\r` before `\r\n` stays one, and a blank line keeps a `\n` of the row out of the header's end.
            line_end = b"\r" if letter.context.endswith(b"\r") else b"\r\n"
            return read_delimited(io.BytesIO(letter.context + line_end + letter.raw + line_end), schema)
        case "json" | "":  # without a form it is a payload that Postgres refused, if it is to be read at all
            return [read_row(letter.raw, schema)]
        case "parquet":
            from ingestion.files.arrow_rows import row_again  # Arrow takes 60 MB and half a second to load
            from ingestion.files.parquet import parsed

            return [parsed(row_again(letter.context, schema), 0, schema)]
    raise ContractViolationError(f"no reader here knows the form {letter.form[:40]!r}")


def check_budget(budget: ErrorBudget, read: int, bad: int, rejects: Sequence[Reject]) -> None:
    """Say nothing while *bad* of the *read* rows of a file are few enough; *rejects* are the last of them.

    Raises:
        ContractViolationError: they are not; it quotes the first of *rejects*.
    """
    try:
        budget.check(read, bad)
    except ContractViolationError as error:
        quoted = f" For example {rejects[0].reason}" if rejects else ""
        raise ContractViolationError(f"{error}{quoted}") from None
