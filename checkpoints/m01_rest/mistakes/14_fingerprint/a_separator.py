"""Puts a byte between the parts that 'never occurs': strangers write the parts."""
#| exercise: m01-14-ex2
#| caught by: test_ex2_whatever_bytes_are_in_the_parts, test_ex2_empty_parts_count
def pack(parts: Iterable[bytes]) -> bytes:
    return b"\x00".join(parts)
