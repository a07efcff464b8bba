# Made from solutions/m02_push/10_group_commit.ipynb: edit it there.
"""Group commit: the deliveries of many requests land in one transaction, and each request waits for its own.

Batches form by themselves: while one commits, the next ones gather. There is no timer to wait for at low load, and
none to tune.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

import msgspec

from ingestion.errors import IngestionError, TransientError
from ingestion.webhooks.delivery import Delivery, Fate

__all__ = ["Commit", "GroupCommit", "GroupLimits", "Line", "OnCommit", "Waiting", "commit_batch", "logger", "turn_away"]


Commit = Callable[[Sequence[Delivery]], Awaitable[Sequence[Fate]]]
"""Stores deliveries in one transaction, and says what became of each; or raises, and none is stored."""

OnCommit = Callable[[int, float], None]
"""Hears of each transaction: how many deliveries, and how many seconds."""

logger = logging.getLogger(__name__)


class GroupLimits(msgspec.Struct, frozen=True):
    """How large a batch and the line in front of it may get, and how long anything may take.

    What is stored is answered within `wait_s + commit_s`, what is turned away within `2 * commit_s`: both under 5 s,
    for which the most impatient senders wait.

    Attributes:
        batch_rows: Deliveries in one transaction.
        batch_bytes: Their bodies together; a single larger one makes a batch of its own.
        waiting: Deliveries in line; the next is turned away.
        waiting_bytes: Their bodies together.
        wait_s: A delivery that has been in line for longer is turned away: its sender has given up.
        commit_s: A commit that takes longer is cancelled.
        writers: Batches that may commit at once from the start.
        patience_s: When the head of the line has waited for so long, one more writer starts, while there is one.
    """

    batch_rows: int = 500
    batch_bytes: int = 1 << 20
    waiting: int = 5_000
    waiting_bytes: int = 32 << 20
    wait_s: float = 2.0
    commit_s: float = 2.4
    writers: int = 2
    patience_s: float = 0.03


class Waiting(msgspec.Struct, eq=False):
    """One delivery in line, and the future that its request waits for."""

    delivery: Delivery
    fate: "asyncio.Future[Fate]"
    since_s: float


def turn_away(batch: Sequence[Waiting], reason: str, *, retry_after_s: float = 1.0) -> None:
    """Have the requests of *batch* raise `TransientError`; those that were told before, or hung up, are left alone."""
    for waiting in batch:
        if not waiting.fate.done():
            waiting.fate.set_exception(TransientError(reason, retry_after_s=retry_after_s))


class Line:
    """Deliveries waiting for a writer, first come first served; bounded in number, in bytes and in time."""

    def __init__(self, limits: GroupLimits) -> None:
        self._limits = limits
        self.waiting: deque[Waiting] = deque()
        self.bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether the next delivery has to be turned away."""
        return len(self.waiting) >= self._limits.waiting or self.bytes >= self._limits.waiting_bytes

    def join(self, waiting: Waiting) -> None:
        """Stand at the end."""
        self.waiting.append(waiting)
        self.bytes += len(waiting.delivery.body)

    def take(self, now_s: float) -> list[Waiting]:
        """Take from the head what goes into the next transaction, in order; empty only when nobody waits.

        At most `batch_rows`, and at most `batch_bytes` of bodies together, but at least one. Whoever has waited for
        more than `wait_s` is turned away, and is not part of it.
        """
        batch: list[Waiting] = []
        size = 0
        while self.waiting and len(batch) < self._limits.batch_rows:
            first = self.waiting[0]
            count = len(first.delivery.body)
            is_late = now_s - first.since_s > self._limits.wait_s
            if batch and not is_late and size + count > self._limits.batch_bytes:
                break
            self.waiting.popleft()
            self.bytes -= count
            if is_late:
                turn_away([first], "waited too long")
            else:
                batch.append(first)
                size += count
        return batch


async def commit_batch(commit: Commit, batch: Sequence[Waiting], *, within_s: float) -> bool:
    """Commit *batch*, and then tell each of its requests what became of its own delivery; say whether it committed.

    Nobody is told anything before *commit* has returned. Whatever it raises, and when it takes longer than
    *within_s*, all of the batch are turned away, with no word of what was wrong: the log has that. A request that is
    gone is no reason not to tell the others. Only a cancellation leaves this function as an exception, and by then
    the batch has been turned away.
    """
    try:
        async with asyncio.timeout(within_s):
            fates = await commit([waiting.delivery for waiting in batch])
        for waiting, fate in zip(batch, fates, strict=True):
            if not waiting.fate.done():
                waiting.fate.set_result(fate)
    except Exception as error:
        what = str(error) if isinstance(error, IngestionError) else type(error).__name__
        logger.warning("%d deliveries were not stored: %s", len(batch), what)
        return False
    else:
        return True
    finally:
        turn_away(batch, "not stored", retry_after_s=2.0)


class GroupCommit:
    """Stores deliveries, many in a transaction, and tells each when it has committed.

    - `submit` returns after the commit of its delivery, never before.
    - A batch that fails fails alone; its deliveries are turned away. (Where only the database's answer was lost they
      may be stored all the same: sent again, they are duplicates.)
    - What may wait is bounded. What is over the bound is turned away at once.
    - A cancelled `submit` takes nothing back: its delivery still lands.
    """

    def __init__(
        self, commits: Sequence[Commit], limits: GroupLimits | None = None, *, on_commit: OnCommit = lambda *_: None
    ) -> None:
        """Take one *commit* for each writer that may ever be at work at once."""
        self._limits = limits or GroupLimits()
        self._idle = list(commits)
        self._on_commit = on_commit
        self._line = Line(self._limits)
        self._writers: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._reminder: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many deliveries are in line."""
        return len(self._line.waiting)

    @property
    def is_full(self) -> bool:
        """Whether one more delivery would be turned away."""
        return self._is_closed or self._line.is_full

    async def submit(self, delivery: Delivery) -> Fate:
        """Store *delivery*, and say what became of it once that has committed.

        Raises:
            TransientError: it was turned away: too much is waiting, or the database did not take it.
        """
        if self.is_full:
            raise TransientError("too many deliveries are waiting", retry_after_s=1.0)
        loop = asyncio.get_running_loop()
        waiting = Waiting(delivery, loop.create_future(), loop.time())
        self._line.join(waiting)
        if self._busy < self._limits.writers:
            self._start_writer()
        elif self._reminder is None and self._idle:
            self._reminder = loop.call_later(self._limits.patience_s, self._look_at_the_line)
        try:
            return await waiting.fate
        finally:
            del waiting  # or a failure holds its frame, the frame the future, the future the failure, and all a body

    def _look_at_the_line(self) -> None:
        """Start one more writer if the head of the line has waited for too long; look again later if anybody waits."""
        self._reminder = None
        if self.waiting and self._idle:
            loop = asyncio.get_running_loop()
            left_s = self._line.waiting[0].since_s + self._limits.patience_s - loop.time()
            if left_s <= 0:
                self._start_writer()
            self._reminder = loop.call_later(max(left_s, self._limits.patience_s / 2), self._look_at_the_line)

    def _start_writer(self) -> None:
        if self._idle:
            self._busy += 1
            writer = asyncio.create_task(self._write(self._idle.pop()))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def _write(self, commit: Commit) -> None:
        """Commit batch after batch until nobody is in line."""
        loop = asyncio.get_running_loop()
        try:
            while batch := self._line.take(loop.time()):
                began_s = loop.time()
                if await commit_batch(commit, batch, within_s=self._limits.commit_s):
                    self._on_commit(len(batch), loop.time() - began_s)
        finally:
            self._busy -= 1
            self._idle.append(commit)

    async def __aenter__(self) -> Self:
        """Open for deliveries."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Turn new deliveries away, and wait until those in line have landed or were turned away."""
        self._is_closed = True
        while self._writers:
            await asyncio.wait(self._writers)
