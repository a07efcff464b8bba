"""Where the stack keeps its things: one `.workbook` folder in a checkout, and the checkout's `.env`."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbook.stack.errors import StackError

CODE_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the `workbook` package; the servers' PYTHONPATH begins with it."""

NEEDED_DISK_BYTES = 500 * 1024 * 1024


@dataclass(frozen=True)
class Layout:
    """The paths of one checkout's stack."""

    root: Path

    @classmethod
    def of(cls, root: Path | str | None = None) -> Layout:
        """The layout of *root*, by default of the checkout this package stands in."""
        return cls(Path(root).resolve() if root is not None else CODE_ROOT)

    @property
    def home(self) -> Path:
        """Everything but `.env`."""
        return self.root / ".workbook"

    @property
    def env_file(self) -> Path:
        """The user's, with a block of ours."""
        return self.root / ".env"

    @property
    def caller_lock(self) -> Path:
        """Held by whoever starts, changes or stops the stack, for as long as that takes."""
        return self.home / "caller.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor for its whole life, and holding its pid: the proof that it lives."""
        return self.home / "supervisor.lock"

    @property
    def state_file(self) -> Path:
        """What the supervisor tells."""
        return self.home / "state.json"

    @property
    def wishes_file(self) -> Path:
        """What it is asked for."""
        return self.home / "wishes.json"

    @property
    def ports_file(self) -> Path:
        """Which port each server had last."""
        return self.home / "ports.json"

    def log_file(self, name: str) -> Path:
        """The log of one server; lines are added at its end."""
        return self.home / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders, and refuse a checkout that can't be written or a disk that is nearly full.

        Raises:
            StackError: The folder can't be written, or less than 500 MB are free.
        """
        try:
            (self.home / "logs").mkdir(parents=True, exist_ok=True)
            ignore = self.home / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise StackError(
                f"cannot write {self.home} ({error.strerror}): work as the checkout's owner, or clone it anew"
            ) from None
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise StackError(f"cannot write {self.home}: work as the checkout's owner, or clone it anew")
        self.require_free_disk()

    def require_free_disk(self, needed_bytes: int = NEEDED_DISK_BYTES) -> None:
        """Raise StackError when fewer than *needed_bytes* are free where `.workbook` lies."""
        free_bytes = shutil.disk_usage(self.root).free
        if free_bytes < needed_bytes:
            raise StackError(
                f"only {free_bytes // 2**20} MB free on the disk of {self.root}, the stack needs "
                f"{needed_bytes // 2**20} MB: free some space and try again"
            )


def read_json(path: Path) -> Any:
    """The parsed content of *path*, or None when it is missing or cut short: leftovers heal."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def write_atomically(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace *path* by *content* in one step: a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
