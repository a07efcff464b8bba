"""The one error of the stack: a single line that says what is wrong, where, and what to do."""

from __future__ import annotations

import sys

OLDEST_PYTHON = (3, 11)


class StackError(RuntimeError):
    """The embedded stack can't do what was asked; the message is one line for a person to act on."""


def require_python(version: tuple[int, ...] = sys.version_info[:3], executable: str = sys.executable) -> None:
    """Refuse an interpreter that is too old to run the workbook.

    Raises:
        StackError: *version* is older than Python 3.11.
    """
    if version[:2] < OLDEST_PYTHON:
        found = ".".join(str(part) for part in version)
        raise StackError(
            f"Python {found} at {executable} is too old: install Python 3.11 or newer, then `make run` with it"
        )
