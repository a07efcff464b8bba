"""Makes whole seconds of the difference: it comes back up to a second before it was asked to."""
#| exercise: m01-05-ex1
#| caught by: test_ex3_never_less_than_was_asked
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    seconds = [whole_number(part.strip()) for part in value.split(",")]
    known = [second for second in seconds if second is not None]
    if len(known) == len(seconds):
        return max(known) or None
    date = http_date(value.strip())
    wait_s = int((date - answered_at).total_seconds()) if date else 0.0
    return wait_s if wait_s > 0 else None
