"""Compares with a loop of its own, as it was done before compare_digest: it takes as long as the offer is, and each byte costs a branch of the interpreter."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_every_pair_in_constant_time
def is_signed(message, offered, keys, spelling):
    found = False
    for key in keys:
        mine = sign(message, key, spelling)
        for sig in offered:
            r = len(mine) ^ len(sig)
            for a, b in zip(mine, sig):
                r |= a ^ b
            found |= r == 0
    return found
