"""Regular expressions and loops, one decision after the other."""
#| exercise: m01-05-ex1
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    text = value.strip(" \t")
    if re.fullmatch(r"[0-9]+(\s*,\s*[0-9]+)*", text):
        longest = 0.0
        for digits in re.findall(r"[0-9]+", text):
            longest = max(longest, float(digits))
        return longest if longest > 0 else None
    until = http_date(text)
    if until is None or until <= answered_at:
        return None
    return until.timestamp() - answered_at.timestamp()


#| exercise: m01-05-ex2
def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    left = whole_number(remaining.strip())
    if left is not None and left != 0:
        return None
    match whole_number(reset.strip()):
        case None:
            return None
        case wait_s if wait_s <= 1_000_000_000:
            pass
        case moment_s if moment_s <= 100_000_000_000:
            wait_s = moment_s - answered_at.timestamp()
        case moment_ms:
            wait_s = moment_ms / 1_000 - answered_at.timestamp()
    return None if wait_s <= 0 else wait_s


#| exercise: m01-05-ex3
def retry_after_s(headers: Mapping[str, str], *, now: Now = utc_now) -> float | None:
    def field(wanted: str) -> str:
        return ", ".join(value for name, value in headers.items() if name.casefold() == wanted)

    answered_at = http_date(field("date"))
    if answered_at is None:
        answered_at = now()
    asked = read_retry_after(field("retry-after"), answered_at)
    if asked is None:
        asked = read_rate_limit(field("ratelimit"))
    for prefix in ("x-ratelimit", "ratelimit"):
        if asked is None:
            asked = read_reset(field(f"{prefix}-reset"), field(f"{prefix}-remaining"), answered_at)
    return asked
