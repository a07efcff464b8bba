"""Encodes strictly: a name with half a surrogate pair raises while it is being set aside."""
#| exercise: m01-16-ex1
#| caught by: test_ex1_thirty_two_bytes_for_any_text
def letter_id(reject: Reject) -> bytes:
    digest = hashlib.sha256()
    for part in (reject.source.encode(), reject.stream.encode(), reject.raw):
        digest.update(len(part).to_bytes(8) + part)  # the length keeps ("ab", "c") and ("a", "bc") apart
    return digest.digest()
