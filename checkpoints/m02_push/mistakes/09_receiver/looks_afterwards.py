"""Looks whether it was a body when it has passed the data on: the last piece of a body is taken for a head that begins."""
#| exercise: m02-09-ex3
#| caught by: test_ex3_a_large_body_is_no_head, test_ex3_a_body_has_another_deadline
class HeadGuard(HeadClock):
    """Ends a connection whose head is too slow or too large.

    The clock runs from the opening of a connection, and from the first byte of each further request on it, to the
    end of the head. Bytes that trickle in do not stop it. A request whose head comes in one piece costs nothing.
    """

    def data_received(self, data: bytes) -> None:
        """Pass *data* on, and look whether it has completed a head."""
        before = self.cycle
        super().data_received(data)
        is_of_a_body = before is not None and before.more_body
        if is_of_a_body:
            return
        if self.cycle is not before:
            self.head_bytes = 0
            self.stop_clock()
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.refuse(TOO_LARGE)
        elif self.clock is None:
            self.start_clock()
