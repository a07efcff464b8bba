"""Reads a missing end as the beginning of time: secrets without a date never work."""
#| exercise: m02-01-ex2
#| caught by: test_ex2_without_an_end_for_ever
def live_keys(secrets: Iterable[Secret], now: datetime) -> list[bytes]:
    return [secret.key for secret in secrets if secret.not_after is not None and now < secret.not_after]
