"""How much of a file may be bad before the file is."""

import pytest

from ingestion.errors import ContractViolationError
from ingestion.files.parsed import ErrorBudget


@pytest.mark.parametrize(("read", "bad"), [(0, 0), (5, 5), (10, 10), (1100, 11), (1_000_000, 10_000)])
def test_few_bad_rows_are_let_pass(read: int, bad: int) -> None:
    ErrorBudget(share=0.01, free=10).check(read, bad)


@pytest.mark.parametrize(("read", "bad"), [(11, 11), (1000, 11), (1_000_000, 10_001)])
def test_too_many_fail_the_file(read: int, bad: int) -> None:
    with pytest.raises(ContractViolationError, match=rf"{bad} of the first {read} rows are bad, more than 1.0%"):
        ErrorBudget(share=0.01, free=10).check(read, bad)
