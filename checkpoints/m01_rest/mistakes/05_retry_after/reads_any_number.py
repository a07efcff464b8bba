"""Reads with float(): takes fractions, exponents and digits of other scripts, which the standard does not have."""
#| exercise: m01-05-ex1
#| caught by: test_ex1_what_cannot_be_obeyed
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    try:
        wait_s = max(float(part) for part in value.split(","))
    except ValueError:
        date = http_date(value.strip())
        wait_s = (date - answered_at).total_seconds() if date else 0.0
    return wait_s if wait_s > 0 else None
