"""Writes each length in digits with nothing after them: 10 zeros look like one zero and ten empty parts."""
#| exercise: m01-14-ex2
#| caught by: test_ex2_long_parts
def pack(parts: Iterable[bytes]) -> bytes:
    return b"".join(str(len(part)).encode() + part for part in parts)
