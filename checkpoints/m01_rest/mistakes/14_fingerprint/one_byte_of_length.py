"""Keeps the length in one byte: from 256 bytes on it starts over."""
#| exercise: m01-14-ex2
#| caught by: test_ex2_long_parts
def pack(parts: Iterable[bytes]) -> bytes:
    return b"".join(bytes([len(part) % 256]) + part for part in parts)
