"""Uses Python's own hash: fast, well spread, and another one after every restart."""
#| exercise: m02-04-ex1
#| caught by: test_ex1_is_the_same_in_every_process
def fingerprint(parts: Sequence[str]) -> Fingerprint:
    if isinstance(parts, str):
        raise TypeError("a sequence of parts")
    return Fingerprint(hash((1, *parts)) % 2**64, hash((2, *parts)) % 2**64)
