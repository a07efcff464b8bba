"""Makes a date that has passed a wait of zero: the loop loses its only pause when the server is in trouble."""
#| exercise: m01-05-ex1
#| caught by: test_ex1_what_cannot_be_obeyed
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    seconds = [whole_number(part.strip()) for part in value.split(",")]
    if None not in seconds:
        return max(seconds)
    date = http_date(value.strip())
    return max(0.0, (date - answered_at).total_seconds()) if date else None
