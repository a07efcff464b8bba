"""Never calls for more writers: on a slow disk eight senders wait for two."""
#| exercise: m02-10-ex3
#| caught by: test_ex3_two_at_first_and_more_when_commits_are_slow
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
        return await waiting.fate

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
