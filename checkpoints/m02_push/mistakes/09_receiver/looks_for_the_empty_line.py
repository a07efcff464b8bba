"""Looks for the empty line in each piece: where it is cut in two, the clock of a complete head goes on and ends the connection."""
#| exercise: m02-09-ex3
#| caught by: test_ex3_a_head_may_be_cut_anywhere
class HeadGuard(HeadClock):
    def data_received(self, data):
        before = self.cycle
        in_body = before is not None and before.more_body
        super().data_received(data)
        if in_body:
            return
        if b"\r\n\r\n" in data:
            self.stop_clock()
            self.head_bytes = 0
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.refuse(TOO_LARGE)
        elif self.clock is None:
            self.start_clock()
