"""Lookup tables and isinstance chains instead of match."""
#| exercise: m01-01-ex1
def classify_response(response: httpx.Response, *, expects_json: bool = True) -> Fault | None:
    code = response.status_code
    table = dict.fromkeys(TRANSIENT_STATUS, Fault.TRANSIENT) | {429: Fault.THROTTLED}
    if code == 503 and response.headers.get("Retry-After") is not None:
        return Fault.THROTTLED
    if code in table:
        return table[code]
    if code // 100 != 2:
        return Fault.PERMANENT
    import email.message

    message = email.message.Message()
    message["content-type"] = response.headers.get("content-type") or "none/none"
    kind = message.get_content_type()
    fine = not expects_json or code in {204, 205} or kind == "application/json" or kind.split("+")[-1] == "json"
    return None if fine else Fault.CORRUPT


#| exercise: m01-01-ex2
def classify(outcome: httpx.Response | BaseException, *, expects_json: bool = True) -> Fault | None:
    if not isinstance(outcome, BaseException):
        return classify_response(outcome, expects_json=expects_json)
    if not isinstance(outcome, Exception):
        raise outcome
    for kinds, fault in (
        ((ThrottledError,), Fault.THROTTLED),
        ((TransientError,), Fault.TRANSIENT),
        ((CorruptError, httpx.DecodingError, UnicodeError), Fault.CORRUPT),
        ((httpx.UnsupportedProtocol, httpx.LocalProtocolError), Fault.PERMANENT),
    ):
        if isinstance(outcome, kinds):
            return fault
    if isinstance(outcome, (httpx.TransportError, ConnectionError, TimeoutError)) and not _distrusts_certificate(outcome):
        return Fault.TRANSIENT
    return Fault.PERMANENT
