"""Reads the body outside the try: a connection that breaks half way comes out as an error of the library, and is not retried."""
#| exercise: m01-10-ex2
#| caught by: test_ex2_a_body_that_breaks_is_transient
async def exchange(
    http: httpx.AsyncClient, call: Call, authorization: str, *, timeout_s: float, max_bytes: int
) -> httpx.Response:
    headers = call.headers | ({"authorization": authorization} if authorization else {})
    request = http.build_request(call.method, call.url, headers=headers, content=call.body)
    call.may_be_sent = True
    try:
        async with asyncio.timeout(timeout_s):
            response = await http.send(request, stream=True)
    except (httpx.RequestError, OSError) as error:
        call.may_be_sent = request_was_sent(error)
        raise failure(call, error) from (None if isinstance(error, httpx.LocalProtocolError) else error)
    try:
        async with asyncio.timeout(timeout_s):
            body = await _read(response, max_bytes)
    finally:
        await response.aclose()
    return whole(response, body)
