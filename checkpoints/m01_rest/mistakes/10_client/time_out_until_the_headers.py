"""Ends the time-out when the headers are there: the body may take for ever."""
#| exercise: m01-10-ex2
#| caught by: test_ex2_a_body_that_never_ends_is_cut_off
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
            body = await asyncio.wait_for(_read(response, max_bytes), 10 * timeout_s)
        finally:
            await response.aclose()

    except (httpx.RequestError, OSError) as error:
        call.may_be_sent = request_was_sent(error)
        raise failure(call, error) from (None if isinstance(error, httpx.LocalProtocolError) else error)
    return whole(response, body)
