"""The walls around an answer while it is checked: time, memory, files, other processes.

Each stands where the system offers it. Landlock (Linux 5.13 and newer) keeps an answer from changing any file but its
scratch folder's and from reaching into processes that are not its own; elsewhere the other walls stand alone.
"""

import contextlib
import ctypes
import os
import struct
import sys
from pathlib import Path

import psutil

_MOST_WRITTEN_BYTES = 32 << 20
_NO_NEW_PRIVILEGES, _CHILD_SUBREAPER = 38, 36  # prctl
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, the same numbers on every architecture
_WRITING = 0b1111111110010  # write, remove and make files of every kind; reading and running stay free
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_SCOPES = 0b11  # abstract sockets and signals of other processes
_BENEATH_PATH = 1
_MOST_ROUNDS = 50


def limit(timeout_s: float, memory_bytes: int) -> None:
    """Bound this process's CPU time, memory and file sizes, and those of all that it starts."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        for kind, most in (
            (resource.RLIMIT_CPU, int(timeout_s) + 1),
            (resource.RLIMIT_FSIZE, _MOST_WRITTEN_BYTES),
            (resource.RLIMIT_AS, memory_bytes),
            (resource.RLIMIT_CORE, 0),
        ):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, most))


def confine(scratch: Path) -> bool:
    """Let this process, and all that it starts, change files only below *scratch*, for good.

    Returns:
        Whether the system could do it.
    """
    if sys.platform != "linux":
        return False
    system = ctypes.CDLL(None, use_errno=True)
    version = system.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    handled = _WRITING & ~1 | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("QQQ", handled, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = system.syscall(_CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        return False
    for path, rights in ((scratch, handled), (Path(os.devnull), handled & (_TRUNCATE | 0b10))):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        system.syscall(_ADD_RULE, ruleset, _BENEATH_PATH, struct.pack("=Qi", rights, place), 0)
        os.close(place)
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    confined: int = system.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return confined == 0


def adopt_orphans() -> None:
    """Become the parent of every process that a child leaves behind, so that `end_descendants` finds it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> None:
    """Kill and reap every process that this one or a child of it has started."""
    for _ in range(_MOST_ROUNDS):  # those that die may have started others meanwhile
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        for process in left:
            with contextlib.suppress(psutil.Error, OSError):
                process.wait(timeout=1)
