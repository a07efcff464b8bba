"""Writes <=, so that a secret is still good at the moment from which it must not be."""
#| exercise: m02-01-ex2
#| caught by: test_ex2_until_its_end
def live_keys(secrets: Iterable[Secret], now: datetime) -> list[bytes]:
    return [secret.key for secret in secrets if secret.not_after is None or now <= secret.not_after]
