# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""Bad rows of a file as rejects, and how many of them are too many."""

from collections.abc import Sequence

from ingestion.errors import ContractViolationError
from ingestion.files.notification import Drop
from ingestion.files.parsed import BadRow, ErrorBudget
from ingestion.files.schema import Schema
from ingestion.record import Reject

__all__ = ["check_budget", "reject_of"]


def reject_of(bad: BadRow, drop: Drop, schema: Schema) -> Reject:
    """Make of a bad row what is parked: its bytes, and where to look for it."""
    where = f"line {bad.line}, byte {bad.offset}" if bad.offset else f"row {bad.line}"
    return Reject(schema.source, schema.stream, bad.raw, f"{drop.key} {where}: {bad.reason}", bad.line)


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
