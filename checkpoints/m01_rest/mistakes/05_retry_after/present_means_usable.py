"""Looks no further once Retry-After is there, even if it says "0": the quota that was meant stays unread."""
#| exercise: m01-05-ex3
#| caught by: test_ex3_a_useless_header_hides_none
def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    fields = {name.lower(): value for name, value in headers.items()}
    answered_at = http_date(fields.get("date", "")) or now()
    if "retry-after" in fields:
        return read_retry_after(fields["retry-after"], answered_at)
    if "ratelimit" in fields:
        return read_rate_limit(fields["ratelimit"])
    for prefix in ("x-ratelimit-", "ratelimit-"):
        if prefix + "reset" in fields:
            return read_reset(fields[prefix + "reset"], fields.get(prefix + "remaining", ""), answered_at)
    return None
