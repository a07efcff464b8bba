"""Takes Retry-After for a plea for patience on any status, so a 404 is waited for, and asked for again."""
#| exercise: m01-01-ex1
#| caught by: test_ex1_throttled_is_told_when
def classify_response(response: httpx.Response, *, expects_json: bool = True) -> Fault | None:
    status = response.status_code
    if status == 429 or (status >= 300 and "retry-after" in response.headers):
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
