"""Joins with a character that a name may hold: `a/b`, `c` and `a`, `b/c` become one letter, and one of them is lost."""
#| exercise: m01-16-ex1
#| caught by: test_ex1_the_seams_do_not_shift
def letter_id(reject: Reject) -> bytes:
    return hashlib.sha256(f"{reject.source}/{reject.stream}/".encode(errors="surrogatepass") + reject.raw).digest()
