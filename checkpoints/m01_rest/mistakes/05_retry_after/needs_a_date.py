"""Trusts that every response has a Date: the first one without it ends in an error instead of a wait."""
#| exercise: m01-05-ex3
#| caught by: test_ex3_our_clock_stands_in, test_ex3_nothing_said
def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    fields = {name.lower(): value for name, value in headers.items()}
    answered_at = http_date(fields["date"])
    return (
        read_retry_after(fields.get("retry-after", ""), answered_at)
        or read_rate_limit(fields.get("ratelimit", ""))
        or read_reset(fields.get("x-ratelimit-reset", ""), fields.get("x-ratelimit-remaining", ""), answered_at)
        or read_reset(fields.get("ratelimit-reset", ""), fields.get("ratelimit-remaining", ""), answered_at)
    )
