"""Counts on where the last head ended: a connection that is kept alive dies after some hundred good requests."""
#| exercise: m02-09-ex3
#| caught by: test_ex3_heads_are_counted_one_by_one
class HeadGuard(HeadClock):
    """Ends a connection whose head is too slow or too large.

    The clock runs from the opening of a connection, and from the first byte of each further request on it, to the
    end of the head. Bytes that trickle in do not stop it. A request whose head comes in one piece costs nothing.
    """

    def data_received(self, data: bytes) -> None:
        """Pass *data* on, and look whether it has completed a head."""
        before = self.cycle
        is_of_a_body = before is not None and before.more_body
        super().data_received(data)
        if is_of_a_body:
            return
        if self.cycle is not before:
            self.stop_clock()
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.refuse(TOO_LARGE)
        elif self.clock is None:
            self.start_clock()
