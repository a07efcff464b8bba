"""`UnicodeError` is a `ValueError`, so it catches that; now a bug of our own is blamed on the server."""
#| exercise: m01-01-ex2
#| caught by: test_ex2_what_never_passes
def classify(outcome: httpx.Response | BaseException, *, expects_json: bool = True) -> Fault | None:
    match outcome:
        case httpx.Response():
            return classify_response(outcome, expects_json=expects_json)
        case asyncio.CancelledError() | KeyboardInterrupt() | SystemExit() | GeneratorExit():
            raise outcome
        case ThrottledError():
            return Fault.THROTTLED
        case TransientError():
            return Fault.TRANSIENT
        case CorruptError() | httpx.DecodingError() | ValueError():
            return Fault.CORRUPT
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return Fault.PERMANENT
        case httpx.TransportError() | ConnectionError() | TimeoutError():
            return Fault.PERMANENT if _distrusts_certificate(outcome) else Fault.TRANSIENT
        case _:
            return Fault.PERMANENT
