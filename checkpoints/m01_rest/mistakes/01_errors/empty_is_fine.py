"""Lets an empty 200 pass, which a broken proxy sends, too: an outage without rows and without an error."""
#| exercise: m01-01-ex1
#| caught by: test_ex1_a_page_that_is_not_json
def classify_response(response: httpx.Response, *, expects_json: bool = True) -> Fault | None:
    status = response.status_code
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        return Fault.THROTTLED
    if status in TRANSIENT_STATUS:
        return Fault.TRANSIENT
    if not 200 <= status < 300:
        return Fault.PERMANENT
    if not expects_json or status in (204, 205) or response.headers.get("content-length") == "0":
        return None
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    claims_json = media_type == "application/json" or media_type.endswith("+json")
    return None if claims_json else Fault.CORRUPT
