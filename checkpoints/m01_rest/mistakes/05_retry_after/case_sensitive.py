"""Looks names up as they are: fine with httpx.Headers, silent with the dict that a test or a proxy hands over."""
#| exercise: m01-05-ex3
#| caught by: test_ex3_names_have_no_case
def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    answered_at = http_date(headers.get("Date", "")) or now()
    return (
        read_retry_after(headers.get("Retry-After", ""), answered_at)
        or read_rate_limit(headers.get("RateLimit", ""))
        or read_reset(headers.get("X-RateLimit-Reset", ""), headers.get("X-RateLimit-Remaining", ""), answered_at)
        or read_reset(headers.get("RateLimit-Reset", ""), headers.get("RateLimit-Remaining", ""), answered_at)
    )
