"""Knows the one date form that today's servers send: the others are seldom, and still allowed."""
#| exercise: m01-05-ex1
#| caught by: test_ex1_the_three_dates
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    seconds = [whole_number(part.strip()) for part in value.split(",")]
    known = [second for second in seconds if second is not None]
    if len(known) == len(seconds):
        return max(known) or None
    try:
        date = datetime.strptime(value.strip(), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    wait_s = (date - answered_at).total_seconds()
    return wait_s if wait_s > 0 else None
