"""Takes the first of two timestamps: the other may be the one that is signed."""
#| exercise: m02-02-ex1
#| caught by: test_ex1_one_timestamp
def offered(scheme: Scheme, header: bytes) -> Claim | Refused:
    tokens = [header] if scheme.separator is None else header.split(scheme.separator, MAX_SIGNATURES + 1)
    timestamps: list[bytes] = []
    if scheme.timestamp_prefix is not None:
        timestamps = [token for token in tokens if token.startswith(scheme.timestamp_prefix)]
    if len(tokens) - len(timestamps) > MAX_SIGNATURES:
        return Refused(400, "too many signatures")
    skip = len(scheme.prefix)
    signatures = [token[skip:] for token in tokens if token.startswith(scheme.prefix)]
    timestamp = timestamps[0].removeprefix(scheme.timestamp_prefix or b"") if timestamps else b""
    return Claim(signatures, timestamp)
