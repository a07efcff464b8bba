"""Writes `found = found or compare_digest(...)`: behind the first hit nothing is compared any more."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_every_pair_in_constant_time
def is_signed(message, offered, keys, spelling):
    found = False
    for key in keys:
        mine = sign(message, key, spelling)
        for sig in offered:
            found = found or hmac.compare_digest(mine, sig)
    return found
