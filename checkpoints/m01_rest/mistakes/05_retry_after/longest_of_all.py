"""Takes the longest wait of all headers: a daily quota overrules the server that asked for two seconds."""
#| exercise: m01-05-ex3
#| caught by: test_ex3_the_order_of_precedence
def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    fields = {name.lower(): value for name, value in headers.items()}
    answered_at = http_date(fields.get("date", "")) or now()
    waits = [
        read_retry_after(fields.get("retry-after", ""), answered_at),
        read_rate_limit(fields.get("ratelimit", "")),
        read_reset(fields.get("x-ratelimit-reset", ""), fields.get("x-ratelimit-remaining", ""), answered_at),
        read_reset(fields.get("ratelimit-reset", ""), fields.get("ratelimit-remaining", ""), answered_at),
    ]
    return max((wait for wait in waits if wait), default=None)
