"""File locks that the kernel releases when their holder dies, so nobody has to clean up after a crash."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbook.stack.errors import StackError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def require_locks() -> None:
    """Raise StackError where there is no `flock`: the embedded stack runs on Linux, macOS and WSL."""
    if fcntl is None:
        raise StackError(
            "the embedded stack needs Linux, macOS or WSL 2: run it there, or `docker compose up -d` and set the URLs"
        )


@contextmanager
def exclusive(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold *path* alone for the length of the block; waiting callers get it when the holder leaves or dies.

    Raises:
        StackError: Somebody else held it for all of *timeout_s*.
    """
    require_locks()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + timeout_s
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise StackError(
                    f"another process has been starting or stopping the stack for {timeout_s:.0f} s "
                    f"(it holds {path}): end it and try again"
                )
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if it is free; it lasts until the last copy of *descriptor* closes."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether a living process holds *path* exclusively. Costs a few microseconds and leaves no trace."""
    require_locks()
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
