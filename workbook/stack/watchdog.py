"""Kills the servers when the supervisor dies without having stopped them. Run as a script.

Its standard input is a pipe whose other end only the supervisor holds, so its end is the supervisor's end,
whatever killed it: this works on any Unix. Lines on it say `watch PID SIGNAL` and `forget PID`.
"""

import os
import signal
import sys
import time
from contextlib import suppress

GRACE_S = 6.0  # PostgreSQL gives its own children 5 s to obey SIGQUIT


def is_alive(pid: int) -> bool:
    """Whether process *pid* exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def kill(pid: int, number: int) -> None:
    """Send it signal *number*, if it still exists."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def main() -> None:
    """Keep the list of the watched until the pipe ends, then kill them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, int] = {}
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "watch":
            watched[int(numbers[0])] = int(numbers[1])
        else:
            watched.pop(int(numbers[0]), None)
    for pid, fatal in watched.items():
        kill(pid, fatal)
    deadline = time.monotonic() + GRACE_S
    while any(is_alive(pid) for pid in watched) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in watched:
        if is_alive(pid):
            kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
