"""Unpacks every token into version and value, as the reference library does: a token of the future is a ValueError."""
#| exercise: m02-02-ex1
#| caught by: test_ex1_the_future_is_passed_over, test_ex1_rubbish_is_no_signature_and_no_exception
def offered(scheme: Scheme, header: bytes) -> Claim | Refused:
    if scheme.separator is None:
        return Claim([header.removeprefix(scheme.prefix)] if header.startswith(scheme.prefix) else [])
    divider = scheme.prefix[-1:]
    tokens = header.split(scheme.separator)
    signatures, timestamps = [], []
    for token in tokens:
        version, value = token.split(divider)
        if version + divider == scheme.prefix:
            signatures.append(value)
        elif version + divider == scheme.timestamp_prefix:
            timestamps.append(value)
    if len(timestamps) > 1 or len(tokens) - len(timestamps) > MAX_SIGNATURES:
        return Refused(400, "too many")
    return Claim(signatures, timestamps[0] if timestamps else b"")
