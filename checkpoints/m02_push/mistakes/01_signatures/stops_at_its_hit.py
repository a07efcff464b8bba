"""Breaks out of the inner loop at a hit, since "this key is settled": the time tells which offer fitted."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_every_pair_in_constant_time
def is_signed(message, offered, keys, spelling):
    found = False
    for key in keys:
        mine = sign(message, key, spelling)
        for sig in offered:
            if hmac.compare_digest(mine, sig):
                found = True
                break
    return found
