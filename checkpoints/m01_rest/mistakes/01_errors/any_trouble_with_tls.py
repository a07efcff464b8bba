"""Gives up on every error of TLS: a handshake that was cut off is a broken connection like any other."""
#| exercise: m01-01-ex2
#| caught by: test_ex2_a_certificate_that_does_not_verify
def _causes(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *_causes(error.__cause__)]


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
        case CorruptError() | httpx.DecodingError() | UnicodeError():
            return Fault.CORRUPT
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return Fault.PERMANENT
        case httpx.TransportError() | ConnectionError() | TimeoutError():
            return Fault.PERMANENT if any(isinstance(each, ssl.SSLError) for each in _causes(outcome)) else Fault.TRANSIENT
        case _:
            return Fault.PERMANENT
