"""Feeds the parts to one hash and takes that for a separation: update() joins."""
#| exercise: m01-16-ex1
#| caught by: test_ex1_the_seams_do_not_shift
def letter_id(reject: Reject) -> bytes:
    digest = hashlib.sha256()
    for part in (reject.source.encode(errors="surrogatepass"), reject.stream.encode(errors="surrogatepass"), reject.raw):
        digest.update(part)  # the length keeps ("ab", "c") and ("a", "bc") apart
    return digest.digest()
