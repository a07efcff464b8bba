"""Knows only one of the two forms of Retry-After: a 503 with a date is retried before its time."""
#| exercise: m01-01-ex1
#| caught by: test_ex1_throttled_is_told_when
def classify_response(response: httpx.Response, *, expects_json: bool = True) -> Fault | None:
    status = response.status_code
    if status == 429 or (status == 503 and response.headers.get("retry-after", "").isdigit()):
        return Fault.THROTTLED
    if status in TRANSIENT_STATUS:
        return Fault.TRANSIENT
    if not 200 <= status < 300:
        return Fault.PERMANENT
    if not expects_json or status in (204, 205):
        return None
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    claims_json = media_type == "application/json" or media_type.endswith("+json")
    return None if claims_json else Fault.CORRUPT
