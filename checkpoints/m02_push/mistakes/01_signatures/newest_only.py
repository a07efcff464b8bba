"""Takes the last secret as the one in use: every delivery is refused between your change and the provider's."""
#| exercise: m02-01-ex2
#| caught by: test_ex2_all_that_are_good_in_their_order
def live_keys(secrets: Iterable[Secret], now: datetime) -> list[bytes]:
    return [secret.key for secret in secrets if secret.not_after is None or now < secret.not_after][-1:]
