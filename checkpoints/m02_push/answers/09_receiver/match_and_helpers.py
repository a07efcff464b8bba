"""Another right answer: `match` instead of `isinstance`, a bytearray and `wait_for` instead of a list and a time-out, early returns in the guard."""
#| exercise: m02-09-ex1
async def answer_delivery(verifier: Verifier, headers: Headers, body: bytes, submit: Submit) -> Answer:
    match verifier.verify(headers, body):
        case Refused(status=status, reason=reason):
            return refusal(status, reason)
        case verified:
            delivery = Delivery(verified, body)
            if (asked := challenge_of(verified, body)) is not None:
                return Answer.of(200, {"challenge": asked}, label="challenge")
    try:
        return STORED[await submit(delivery)]
    except IngestionError as error:
        wait_s = getattr(error, "retry_after_s", None)
        seconds = max(1, -int(-wait_s // 1)) if wait_s is not None else 1
        return refusal(503, NOT_STORED, (b"retry-after", str(seconds).encode()))
#| exercise: m02-09-ex2
async def read_body(receive: Receive, limits: Limits, budget: BodyBudget) -> bytes:
    taken = 0

    async def whole() -> bytes:
        nonlocal taken
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise RefusedError(refusal(400, "gone", is_last=True))
            piece, more = message.get("body", b""), message.get("more_body", False)
            if len(body) + len(piece) > limits.body_bytes:
                raise RefusedError(too_large(limits))
            if more or taken:
                budget.take(len(piece))
                taken += len(piece)
            body += piece
        return bytes(body)

    try:
        return await asyncio.wait_for(whole(), limits.body_s)
    except asyncio.TimeoutError:
        raise RefusedError(refusal(408, "too slow", is_last=True))
    finally:
        budget.give_back(taken)
#| exercise: m02-09-ex3
class HeadGuard(HeadClock):
    def data_received(self, data: bytes) -> None:
        """Pass *data* on, and look whether it has completed a head."""
        current = self.cycle
        reading_a_body = bool(current and current.more_body)
        super().data_received(data)
        if reading_a_body:
            return
        if self.cycle is current:
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_BYTES:
                self.refuse(TOO_LARGE)
                return
            if not self.clock:
                self.start_clock()
        else:
            self.stop_clock()
            self.head_bytes = 0
