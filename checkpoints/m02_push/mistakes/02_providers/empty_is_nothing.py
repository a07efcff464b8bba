"""Leaves empty tokens out before it counts: ten thousand commas are then no token at all."""
#| exercise: m02-02-ex1
#| caught by: test_ex1_sixteen_and_no_more
def offered(scheme, header):
    tokens = [t for t in header.split(scheme.separator) if t] if scheme.separator else [header]
    times = [t for t in tokens if scheme.timestamp_prefix and t.startswith(scheme.timestamp_prefix)]
    rest = [t for t in tokens if t not in times]
    if len(rest) > 16 or len(times) > 1:
        return Refused(400, "x")
    ts = times[0][len(scheme.timestamp_prefix):] if times else b""
    return Claim([t[len(scheme.prefix):] for t in rest if t.startswith(scheme.prefix)], ts)
