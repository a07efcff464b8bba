"""How a server is started: bound to its parent's life and, for PostgreSQL under root, as an ordinary user.

PostgreSQL refuses to run as root. Started by root, it therefore runs as `nobody`, an account that every
system has, so none is created. Where the checkout lies in a private folder (`/root`), `nobody` could not even
reach its files; instead of opening that folder to everybody, the process then keeps one capability of root,
the right to pass closed folders.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbook.stack.errors import StackError

# From <linux/prctl.h> and <linux/capability.h>.
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_OVERRIDE, _CAPABILITY_VERSION_3 = 1, 0x20080522


@dataclass(frozen=True)
class Account:
    """An ordinary account. `passes_closed_folders`: it needs that right of root to reach its files."""

    uid: int
    gid: int
    passes_closed_folders: bool = False

    def own(self, path: Path) -> None:
        """Give *path* to this account."""
        os.chown(path, self.uid, self.gid)


def account_for(*paths: Path) -> Account | None:
    """The account PostgreSQL has to run as so that it can reach *paths*; None when the caller isn't root.

    Raises:
        StackError: A path lies in a closed folder, and this system has no way to let one process through.
    """
    if os.geteuid() != 0:
        return None
    import pwd

    nobody = pwd.getpwnam("nobody")
    closed = next((folder for path in paths for folder in path.parents if not _open_to_all(folder)), None)
    if closed is not None and not sys.platform.startswith("linux"):
        raise StackError(f"PostgreSQL does not run as root, and others can't enter {closed}: work as an ordinary user")
    return Account(nobody.pw_uid, nobody.pw_gid, passes_closed_folders=closed is not None)


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def before_exec(account: Account | None, signal_on_parents_death: int) -> Callable[[], None]:
    """What a child does between fork and exec: become *account*, and (Linux) die with its parent."""
    libc = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform.startswith("linux")

    def prepare_child() -> None:
        if account is not None:
            if account.passes_closed_folders:
                _call(libc.prctl, _PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            if account.passes_closed_folders:
                _keep_one_capability(libc)
        if linux:  # after setuid, which would clear it
            _call(libc.prctl, _PR_SET_PDEATHSIG, signal_on_parents_death, 0, 0, 0)

    return prepare_child


def _keep_one_capability(libc: ctypes.CDLL) -> None:
    mask = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable: of the capabilities 0..31, then of 32..63
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    _call(libc.capset, header, sets)
    _call(libc.prctl, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
