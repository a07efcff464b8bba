"""Refuses a head of exactly the limit."""
#| exercise: m02-09-ex3
#| caught by: test_ex3_the_limit_itself_is_fine
class HeadGuard(HeadClock):
    def data_received(self, data):
        before = self.cycle
        in_body = before is not None and before.more_body
        super().data_received(data)
        if in_body:
            return
        if self.cycle is not before:
            self.stop_clock()
            self.head_bytes = 0
            return
        self.head_bytes += len(data)
        if self.head_bytes >= HEAD_BYTES:
            self.refuse(TOO_LARGE)
        elif self.clock is None:
            self.start_clock()
