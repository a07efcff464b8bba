"""Hashes the bytes alone: a row of refunds that looks like one of orders is taken for parked."""
#| exercise: m01-16-ex1
#| caught by: test_ex1_other_trouble_is_another_letter
def letter_id(reject: Reject) -> bytes:
    return hashlib.sha256(reject.raw).digest()
