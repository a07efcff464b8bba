"""Another right answer: the room that is left is counted down, `wait_for` in place of a time-out block, results by place."""
#| exercise: m02-10-ex1
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
        left = self._limits.batch_bytes
        for _ in range(len(self.waiting)):
            if len(batch) == self._limits.batch_rows:
                break
            who = self.waiting.popleft()
            if who.since_s + self._limits.wait_s < now_s:
                self.bytes -= len(who.delivery.body)
                turn_away((who,), "waited too long")
                continue
            left -= len(who.delivery.body)
            if left < 0 and batch:
                self.waiting.appendleft(who)
                break
            self.bytes -= len(who.delivery.body)
            batch += [who]
        return batch
#| exercise: m02-10-ex2
async def commit_batch(commit: Commit, batch: Sequence[Waiting], *, within_s: float) -> bool:
    fates: Sequence[Fate] = ()
    try:
        fates = await asyncio.wait_for(commit([waiting.delivery for waiting in batch]), within_s)
    except Exception as error:
        logger.error("a batch of %d failed: %s", len(batch), type(error).__name__)
    except asyncio.CancelledError:
        turn_away(batch, "stopped", retry_after_s=2.0)
        raise
    else:
        if len(fates) == len(batch):
            for place, fate in enumerate(fates):
                told = batch[place].fate
                if not told.done():
                    told.set_result(fate)
            return True
        logger.error("%d fates for %d deliveries", len(fates), len(batch))
    turn_away(batch, "not stored", retry_after_s=2.0)
    return False
#| exercise: m02-10-ex3
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
        loop = asyncio.get_running_loop()
        if self.is_full:
            raise TransientError("no room", retry_after_s=1.0)
        told: asyncio.Future[Fate] = loop.create_future()
        self._line.join(Waiting(delivery, told, loop.time()))
        if self._limits.writers > self._busy:
            self._start_writer()
        elif self._idle and not self._reminder:
            self._reminder = loop.call_at(loop.time() + self._limits.patience_s, self._look_at_the_line)
        await asyncio.wait([told])
        return told.result()

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
