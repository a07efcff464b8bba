"""Drops the time zone to silence an error about naive and aware times: the secret ends hours early or late."""
#| exercise: m02-01-ex2
#| caught by: test_ex2_instants_not_clock_faces
def live_keys(secrets: Iterable[Secret], now: datetime) -> list[bytes]:
    plain = now.replace(tzinfo=None)
    return [each.key for each in secrets if each.not_after is None or plain < each.not_after.replace(tzinfo=None)]
