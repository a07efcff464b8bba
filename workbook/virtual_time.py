"""An event loop whose clock jumps to the next timer when nothing else can run, so a day passes in a second.

    from workbook import virtual_time

    async def nap() -> float:
        await asyncio.sleep(3600)
        return virtual_time.CLOCK.time_s()

    assert virtual_time.run(nap()) == 3600.0

Everything that asks the loop for the time (`asyncio.sleep`, `asyncio.timeout`, `wait_for`, `loop.call_later`) is on
this clock without being told. Code that takes its time as arguments gets `CLOCK.time_s`, `CLOCK.now` and
`CLOCK.sleep`.
"""

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Never, TypeVar, TypeVarTuple

__all__ = ["CLOCK", "STARTED_AT", "VirtualClock", "VirtualDeadlockError", "VirtualTimeLoop", "run"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STARTED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""What `CLOCK.now()` says when the loop's clock stands at zero: a Monday morning."""

_THREAD_PATIENCE_S = 2.0


class VirtualDeadlockError(RuntimeError):
    """Every task waits, no timer is set, and no thread is at work: a real loop would hang here."""


class VirtualClock:
    """The running loop's time, in the shapes that the package takes as arguments.

    It holds no time of its own: one instance serves every loop, and on an ordinary loop gives ordinary time.
    """

    def time_s(self) -> float:
        """Seconds on the running loop's clock, for `clock=`; a virtual loop starts at 0.0."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """The wall time that goes with `time_s`, for `now=`: aware, and `STARTED_AT` at zero."""
        return STARTED_AT + timedelta(seconds=self.time_s())

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running loop, for `sleep=`."""
        await asyncio.sleep(delay_s)


CLOCK = VirtualClock()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* to its end on a new virtual loop and give its result.

    The same program takes the same steps at the same times on every run. A timer never fires before its time, not
    even by a rounding error. Work handed to threads (`asyncio.to_thread`) is waited for and takes no virtual time.

    In a notebook cell, where a loop is already running, it gets a thread of its own and the cell waits for it.

    Raises:
        VirtualDeadlockError: nothing can ever happen again, and *main* has not returned.
        RuntimeError: something wants a real socket.
    """
    if not _is_loop_running():
        return _run(main)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(contextvars.copy_context().run, _run, main).result()


def _run(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop behind `run`, for those who bring their own runner (`loop_factory=VirtualTimeLoop`)."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._in_threads = 0
        super().__init__(_JumpingSelector(self._wait))

    def time(self) -> float:
        return self._now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._thread_returned)
        return future

    def _thread_returned(self, _: object) -> None:
        self._in_threads -= 1

    def _wait(self, poll: Callable[[float | None], list[Any]], timeout_s: float | None) -> list[Any]:
        """Stand in for a blocking wait: look for wake-ups from threads, else move the clock."""
        ready = poll(None if self._in_threads and timeout_s != 0 else 0)
        if ready or timeout_s == 0:
            return ready
        if timeout_s is None:
            ready = poll(_THREAD_PATIENCE_S)
            if not ready:
                raise VirtualDeadlockError(
                    "every task waits, no timer is set, and no thread is at work:"
                    " look for an await that nothing will ever finish"
                )
            return ready
        # Not `now + timeout_s`: that sum can round to just below the timer it is meant to reach.
        self._now_s = max(self._now_s, self._scheduled[0].when())  # type: ignore[attr-defined]
        return []

    async def create_connection(self, *args: Any, **kwargs: Any) -> Never:
        _refuse_socket()

    async def create_unix_connection(self, *args: Any, **kwargs: Any) -> Never:
        _refuse_socket()

    async def create_server(self, *args: Any, **kwargs: Any) -> Never:
        _refuse_socket()

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> Never:
        _refuse_socket()

    def add_writer(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> Never:
        _refuse_socket()


def _refuse_socket() -> Never:
    raise RuntimeError(
        "virtual time has no sockets: the clock would run through every time-out before an answer came;"
        " use httpx.MockTransport or httpx.ASGITransport here, or an ordinary loop"
    )


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type, unused-ignore]
    """The platform's selector, except that a wait is the loop's to judge."""

    def __init__(self, wait: Callable[[Callable[[float | None], list[Any]], float | None], list[Any]]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[Any]:
        return self._wait(super().select, timeout)
