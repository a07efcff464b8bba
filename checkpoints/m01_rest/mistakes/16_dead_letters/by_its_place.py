"""Puts the place in the page into the identity: twelve new orders a night make every old letter a new one."""
#| exercise: m01-16-ex1
#| caught by: test_ex1_the_same_trouble_wherever_it_is_found
def letter_id(reject: Reject) -> bytes:
    digest = hashlib.sha256()
    for part in (reject.source.encode(errors="surrogatepass"), reject.stream.encode(errors="surrogatepass"), reject.raw, b"%d" % reject.ordinal):
        digest.update(len(part).to_bytes(8) + part)  # the length keeps ("ab", "c") and ("a", "bc") apart
    return digest.digest()
