"""Takes the clock face for UTC: right on servers that run in UTC, hours off for everyone else."""
#| exercise: m02-03-ex2
#| caught by: test_ex2_instants_not_clock_faces
def is_timely(sent_s: int, now: datetime, *, tolerance_s: float = TOLERANCE_S) -> bool:
    since = now.replace(tzinfo=None) - datetime(1970, 1, 1)
    return abs(since.total_seconds() - sent_s) <= tolerance_s
