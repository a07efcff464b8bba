"""Parses the date itself and forgets that one form has no zone: a TypeError on a perfectly good answer."""
#| exercise: m01-05-ex1
#| caught by: test_ex1_the_three_dates
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    seconds = [whole_number(part.strip()) for part in value.split(",")]
    known = [second for second in seconds if second is not None]
    if len(known) == len(seconds):
        return max(known) or None
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    wait_s = (date - answered_at).total_seconds()
    return wait_s if wait_s > 0 else None
