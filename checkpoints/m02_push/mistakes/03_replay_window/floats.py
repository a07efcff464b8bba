"""Reads a float and cuts it: `nan` and `1e400` raise, and `.9` passes."""
#| exercise: m02-03-ex1
#| caught by: test_ex1_anything_else_is_none
def parse_timestamp(text: bytes) -> int | None:
    try:
        return int(float(text))
    except ValueError:
        return None
