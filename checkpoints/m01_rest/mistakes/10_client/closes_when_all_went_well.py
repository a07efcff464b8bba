"""Closes the answer after reading it: not when the reading fails, so each failure costs a connection."""
#| exercise: m01-10-ex2
#| caught by: test_ex2_a_body_that_breaks_is_transient, test_ex2_too_much_is_refused_and_closed, test_ex2_cancellation_passes_and_closes
async def exchange(
    http: httpx.AsyncClient, call: Call, authorization: str, *, timeout_s: float, max_bytes: int
) -> httpx.Response:
    headers = call.headers | ({"authorization": authorization} if authorization else {})
    request = http.build_request(call.method, call.url, headers=headers, content=call.body)
    call.may_be_sent = True
    try:
        async with asyncio.timeout(timeout_s):
            response = await http.send(request, stream=True)
            body = await _read(response, max_bytes)
            await response.aclose()

    except (httpx.RequestError, OSError) as error:
        call.may_be_sent = request_was_sent(error)
        raise failure(call, error) from (None if isinstance(error, httpx.LocalProtocolError) else error)
    return whole(response, body)
