"""Trusts the status: the maintenance page with status 200 becomes an empty page."""
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
    return None
