"""Uses removeprefix() and no question: a token of another version is offered whole, as if it were a signature."""
#| exercise: m02-02-ex1
#| caught by: test_ex1_the_future_is_passed_over, test_ex1_signatures_without_their_prefix
def offered(scheme, header):
    tokens = header.split(scheme.separator) if scheme.separator else [header]
    times = [t for t in tokens if scheme.timestamp_prefix and t.startswith(scheme.timestamp_prefix)]
    rest = [t for t in tokens if t not in times]
    if len(rest) > 16 or len(times) > 1:
        return Refused(400, "x")
    ts = times[0][len(scheme.timestamp_prefix):] if times else b""
    return Claim([t.removeprefix(scheme.prefix) for t in rest], ts)
