"""Catches everything: the error that says how large a body may be comes out as one that says nothing."""
#| exercise: m01-10-ex2
#| caught by: test_ex2_too_much_is_refused_and_closed
async def exchange(
    http: httpx.AsyncClient, call: Call, authorization: str, *, timeout_s: float, max_bytes: int
) -> httpx.Response:
    headers = call.headers | ({"authorization": authorization} if authorization else {})
    request = http.build_request(call.method, call.url, headers=headers, content=call.body)
    call.may_be_sent = True
    try:
        async with asyncio.timeout(timeout_s):
            response = await http.send(request, stream=True)
            try:
                body = await _read(response, max_bytes)
            finally:
                await response.aclose()
    except Exception as error:
        call.may_be_sent = request_was_sent(error)
        raise failure(call, error) from (None if isinstance(error, httpx.LocalProtocolError) else error)
    return whole(response, body)
