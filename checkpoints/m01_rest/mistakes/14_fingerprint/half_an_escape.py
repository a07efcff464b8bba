"""Escapes the separator but not the escape sign, so a part can end in half an escape."""
#| exercise: m01-14-ex2
#| caught by: test_ex2_whatever_bytes_are_in_the_parts
def pack(parts: Iterable[bytes]) -> bytes:
    return b"".join(part.replace(b",", b"\\,") + b"," for part in parts)
