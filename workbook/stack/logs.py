"""Log files that never grow for ever, and the one line of them that explains a failure."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

LIMIT_BYTES = 5 * 1024 * 1024
_TELLING = re.compile(r"FATAL|PANIC|ERROR|Error|error|[Ee]xception|could not|can't|cannot|[Ii]nvalid|[Aa]lready in use")

_POSTGRES_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] (?=[A-Z]+:)", re.MULTILINE)


def open_log(path: Path) -> int:
    """A descriptor that appends to *path*. Appending is what makes cutting the file under its writer safe."""
    trim(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def trim(path: Path, limit_bytes: int = LIMIT_BYTES) -> bool:
    """Move the content of *path* to `<name>.1` and empty it when it has outgrown *limit_bytes*.

    The writer keeps its descriptor. Lines written during the copy may be lost: these are logs, not data.
    At most twice *limit_bytes* per log stay on disk.
    """
    try:
        if path.stat().st_size <= limit_bytes:
            return False
        previous = path.with_name(path.name + ".1")
        with path.open("rb") as source, previous.open("wb") as target:
            source.seek(-limit_bytes, os.SEEK_END)
            shutil.copyfileobj(source, target)
        os.truncate(path, 0)
    except OSError:
        return False
    return True


def size_bytes(path: Path) -> int:
    """The size of *path*; 0 when it isn't there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def text_since(path: Path, offset_bytes: int) -> str:
    """What was written to *path* after *offset_bytes*, at most the last 64 KB of it."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            start = offset_bytes if offset_bytes <= end else 0  # it was trimmed meanwhile
            file.seek(max(start, end - 65536))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def telling_line(path: Path, offset_bytes: int = 0) -> str:
    """The line written after *offset_bytes* that best says what went wrong, or a word that there is none."""
    text = _POSTGRES_PREFIX.sub("", text_since(path, offset_bytes))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    chosen = (telling or lines or ["it wrote nothing"])[-1]
    # Postgres says FATAL first and the reason of it in earlier lines: both matter.
    if len(telling) > 1 and telling[-2] != chosen and len(telling[-2]) + len(chosen) < 400:
        chosen = f"{telling[-2]} | {chosen}"
    return chosen[:500]
