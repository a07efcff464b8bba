"""Leaves out offers of another length to save time; the time then tells how long a signature is."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_every_pair_in_constant_time
def is_signed(message, offered, keys, spelling):
    found = False
    for key in keys:
        mine = sign(message, key, spelling)
        for sig in offered:
            if len(sig) != len(mine):
                continue
            found |= hmac.compare_digest(mine, sig)
    return found
