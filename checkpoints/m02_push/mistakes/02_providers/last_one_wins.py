"""Puts the tokens into a dict: of two signatures the last one stays, on the very day there are two."""
#| exercise: m02-02-ex1
#| caught by: test_ex1_signatures_without_their_prefix
def offered(scheme: Scheme, header: bytes) -> Claim | Refused:
    tokens = [header] if scheme.separator is None else header.split(scheme.separator, MAX_SIGNATURES + 1)
    prefixes = [scheme.prefix, *([scheme.timestamp_prefix] if scheme.timestamp_prefix else [])]
    found: dict[bytes, bytes] = {}
    times = 0
    for token in tokens:
        for prefix in prefixes:
            if token.startswith(prefix):
                times += prefix == scheme.timestamp_prefix
                found[prefix] = token[len(prefix) :]
                break
    if times > 1:
        return Refused(400, "two timestamps")
    if len(tokens) - times > MAX_SIGNATURES:
        return Refused(400, "too many signatures")
    signatures = [found[scheme.prefix]] if scheme.prefix in found else []
    return Claim(signatures, found.get(scheme.timestamp_prefix or b"-", b""))
