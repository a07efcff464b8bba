"""Gives submit a time-out of its own: a delivery whose commit is under way is said not to be stored."""
#| exercise: m02-10-ex3
#| caught by: test_ex3_no_deadline_but_the_line_s_and_the_commit_s
class GroupCommit:
    """x"""

    def __init__(self, commits, limits=None, *, on_commit=lambda *_: None):
        self._limits = limits or GroupLimits()
        self._idle = list(commits)
        self._on_commit = on_commit
        self._line = Line(self._limits)
        self._writers = set()
        self._busy = 0
        self._reminder = None
        self._is_closed = False

    @property
    def waiting(self):
        return len(self._line.waiting)

    @property
    def is_full(self):
        return self._is_closed or self._line.is_full

    async def submit(self, delivery):
        if self.is_full:
            raise TransientError("full", retry_after_s=1.0)
        loop = asyncio.get_running_loop()
        w = Waiting(delivery, loop.create_future(), loop.time())
        self._line.join(w)
        if self._busy < self._limits.writers:
            self._start_writer()
        elif self._reminder is None and self._idle:
            self._reminder = loop.call_later(self._limits.patience_s, self._look_at_the_line)
        try:
            return await asyncio.wait_for(w.fate, self._limits.wait_s)
        except TimeoutError:
            raise TransientError("too slow", retry_after_s=1.0) from None

    def _look_at_the_line(self):
        self._reminder = None
        if self.waiting and self._idle:
            loop = asyncio.get_running_loop()
            left_s = self._line.waiting[0].since_s + self._limits.patience_s - loop.time()
            if left_s <= 0:
                self._start_writer()
            self._reminder = loop.call_later(max(left_s, self._limits.patience_s / 2), self._look_at_the_line)

    def _start_writer(self):
        if self._idle:
            self._busy += 1
            writer = asyncio.create_task(self._write(self._idle.pop()))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def _write(self, commit):
        loop = asyncio.get_running_loop()
        try:
            while batch := self._line.take(loop.time()):
                began_s = loop.time()
                if await commit_batch(commit, batch, within_s=self._limits.commit_s):
                    self._on_commit(len(batch), loop.time() - began_s)
        finally:
            self._busy -= 1
            self._idle.append(commit)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self._is_closed = True
        while self._writers:
            await asyncio.wait(self._writers)
