"""Goes through the keys once for each offer: `live_keys()` gives a list, a generator is empty after the first offer."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_any_offer_under_any_key
def is_signed(message, offered, keys, spelling):
    found = False
    for sig in offered:
        for key in keys:
            found |= hmac.compare_digest(sign(message, key, spelling), sig)
    return found
