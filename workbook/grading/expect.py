"""What a checkpoint says when an answer is not right yet, in the words of its lesson."""

from typing import Any

LONGEST_SHOWN = 160


class NotYet(AssertionError):
    """An expectation that the answer does not meet yet."""

    def __init__(self, expected: str, came: str, look_at: str = "", hint: int | None = None) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected = expected
        self.came = came
        self.look_at = look_at
        self.hint = hint


class Blocked(Exception):
    """The machine, not the answer, is in the way: a server is down, a disk is full."""


def expect(ok: bool, *, expected: str, came: Any, look_at: str = "", hint: int | None = None) -> None:
    """Go on if *ok*; else say what was expected, what came, where to look and which hint helps.

    Args:
        ok: Whether the answer keeps the promise.
        expected: The promise as seen from outside: `"a wait of at least 120 s (the server asked for 120)"`.
        came: What the answer gave; strings are shown as they are, anything else by its `repr`.
        look_at: The question that leads to the fault.
        hint: Number of the lesson's hint that fits.

    Raises:
        NotYet: not *ok*.
    """
    if not ok:
        shown = came if isinstance(came, str) else repr(came)
        raise NotYet(
            expected,
            shown if len(shown) <= LONGEST_SHOWN else shown[: LONGEST_SHOWN - 3] + "...",
            look_at,
            hint,
        )
