"""Joins the parts with nothing between them: SKU-1 and 12 are SKU-11 and 2."""
#| exercise: m01-14-ex2
#| caught by: test_ex2_wherever_the_cut_is
def pack(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)
