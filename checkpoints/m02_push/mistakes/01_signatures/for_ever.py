"""Gives all keys: nobody comes back to remove the leaked one."""
#| exercise: m02-01-ex2
#| caught by: test_ex2_until_its_end, test_ex2_all_that_are_good_in_their_order
def live_keys(secrets: Iterable[Secret], now: datetime) -> list[bytes]:
    return [secret.key for secret in secrets]
