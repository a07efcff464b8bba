"""Lists the good statuses it has met, so a 202 or a 206 is given up."""
#| exercise: m01-01-ex1
#| caught by: test_ex1_json_by_any_spelling
def classify_response(response: httpx.Response, *, expects_json: bool = True) -> Fault | None:
    status = response.status_code
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        return Fault.THROTTLED
    if status in TRANSIENT_STATUS:
        return Fault.TRANSIENT
    if status not in (200, 201, 204, 205):
        return Fault.PERMANENT
    if not expects_json or status in (204, 205):
        return None
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    claims_json = media_type == "application/json" or media_type.endswith("+json")
    return None if claims_json else Fault.CORRUPT
