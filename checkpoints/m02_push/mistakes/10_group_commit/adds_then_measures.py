"""Adds a delivery and then looks whether the batch is full: each is one body over its limit."""
#| exercise: m02-10-ex1
#| caught by: test_ex1_no_batch_is_over_the_limits
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
            if size > self._limits.batch_bytes:
                break
            self.waiting.popleft()
            self.bytes -= count
            if is_late:
                turn_away([first], "waited too long")
            else:
                batch.append(first)
                size += count
        return batch
