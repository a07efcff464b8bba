"""Strips the bytes before they are hashed, "since a line may end in \\n": blanks can be all that is wrong with a row."""
#| exercise: m01-16-ex1
#| caught by: test_ex1_other_trouble_is_another_letter
def letter_id(reject: Reject) -> bytes:
    digest = hashlib.sha256()
    for part in (reject.source.encode(errors="surrogatepass"), reject.stream.encode(errors="surrogatepass"), reject.raw.strip()):
        digest.update(len(part).to_bytes(8) + part)  # the length keeps ("ab", "c") and ("a", "bc") apart
    return digest.digest()
