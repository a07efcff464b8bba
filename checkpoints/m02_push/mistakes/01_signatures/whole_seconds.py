"""Compares whole seconds: in the last second before its end a secret is already refused."""
#| exercise: m02-01-ex2
#| caught by: test_ex2_until_its_end
def live_keys(secrets, now):
    return [s.key for s in secrets if s.not_after is None or int(s.not_after.timestamp()) > int(now.timestamp())]
