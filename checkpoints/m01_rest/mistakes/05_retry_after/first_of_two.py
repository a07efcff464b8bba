"""Takes the first of two joined values: the proxy's five seconds instead of the origin's two minutes."""
#| exercise: m01-05-ex1
#| caught by: test_ex1_the_longer_of_two
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    first = whole_number(value.split(",")[0].strip())
    if first is not None:
        return first or None
    date = http_date(value.strip())
    wait_s = (date - answered_at).total_seconds() if date else 0.0
    return wait_s if wait_s > 0 else None
