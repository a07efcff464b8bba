"""Raises an order to stop of its own making: what the sender said, such as the exit code, is lost."""
#| exercise: m01-01-ex2
#| caught by: test_ex2_an_order_to_stop_is_no_fault
def classify(outcome: httpx.Response | BaseException, *, expects_json: bool = True) -> Fault | None:
    match outcome:
        case httpx.Response():
            return classify_response(outcome, expects_json=expects_json)
        case asyncio.CancelledError() | KeyboardInterrupt() | SystemExit() | GeneratorExit():
            raise type(outcome)
        case ThrottledError():
            return Fault.THROTTLED
        case TransientError():
            return Fault.TRANSIENT
        case CorruptError() | httpx.DecodingError() | UnicodeError():
            return Fault.CORRUPT
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return Fault.PERMANENT
        case httpx.TransportError() | ConnectionError() | TimeoutError():
            return Fault.PERMANENT if _distrusts_certificate(outcome) else Fault.TRANSIENT
        case _:
            return Fault.PERMANENT
