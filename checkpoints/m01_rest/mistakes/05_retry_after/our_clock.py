"""Subtracts our own clock from the server's date: right until one of the two is wrong."""
#| exercise: m01-05-ex3
#| caught by: test_ex3_on_the_servers_clock
def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    fields = {name.lower(): value for name, value in headers.items()}
    return (
        read_retry_after(fields.get("retry-after", ""), now())
        or read_rate_limit(fields.get("ratelimit", ""))
        or read_reset(fields.get("x-ratelimit-reset", ""), fields.get("x-ratelimit-remaining", ""), now())
        or read_reset(fields.get("ratelimit-reset", ""), fields.get("ratelimit-remaining", ""), now())
    )
