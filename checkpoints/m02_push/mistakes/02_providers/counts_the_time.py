"""Counts the timestamp as a signature: with 16 signatures Stripe is refused."""
#| exercise: m02-02-ex1
#| caught by: test_ex1_sixteen_and_no_more
def offered(scheme: Scheme, header: bytes) -> Claim | Refused:
    tokens = [header] if scheme.separator is None else header.split(scheme.separator, MAX_SIGNATURES + 1)
    timestamps: list[bytes] = []
    if scheme.timestamp_prefix is not None:
        timestamps = [token for token in tokens if token.startswith(scheme.timestamp_prefix)]
    if len(timestamps) > 1:
        return Refused(400, "two timestamps")
    if len(tokens) > MAX_SIGNATURES:
        return Refused(400, "too many signatures")
    skip = len(scheme.prefix)
    signatures = [token[skip:] for token in tokens if token.startswith(scheme.prefix)]
    timestamp = timestamps[0].removeprefix(scheme.timestamp_prefix or b"") if timestamps else b""
    return Claim(signatures, timestamp)
