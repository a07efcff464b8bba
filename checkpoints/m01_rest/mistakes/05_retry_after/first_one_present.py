"""Asks the first header that is there and no other: one that says nothing usable hides the rest."""
#| exercise: m01-05-ex3
#| caught by: test_ex3_a_useless_header_hides_none
def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    fields = {name.lower(): value for name, value in headers.items()}
    answered_at = http_date(fields.get("date", "")) or now()
    asked = read_retry_after(fields.get("retry-after", ""), answered_at)
    if asked:
        return asked
    if "ratelimit" in fields:
        return read_rate_limit(fields["ratelimit"])
    prefix = "x-ratelimit" if "x-ratelimit-reset" in fields else "ratelimit"
    return read_reset(fields.get(f"{prefix}-reset", ""), fields.get(f"{prefix}-remaining", ""), answered_at)
