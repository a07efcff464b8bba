"""Asks for TransientError first: ThrottledError is one too, so the server's wait is never honoured."""
#| exercise: m01-01-ex2
#| caught by: test_ex2_throttled_is_not_merely_transient
def classify(outcome: httpx.Response | BaseException, *, expects_json: bool = True) -> Fault | None:
    match outcome:
        case httpx.Response():
            return classify_response(outcome, expects_json=expects_json)
        case asyncio.CancelledError() | KeyboardInterrupt() | SystemExit() | GeneratorExit():
            raise outcome
        case TransientError():
            return Fault.TRANSIENT
        case ThrottledError():
            return Fault.THROTTLED
        case CorruptError() | httpx.DecodingError() | UnicodeError():
            return Fault.CORRUPT
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return Fault.PERMANENT
        case httpx.TransportError() | ConnectionError() | TimeoutError():
            return Fault.PERMANENT if _distrusts_certificate(outcome) else Fault.TRANSIENT
        case _:
            return Fault.PERMANENT
