"""Drops every cause to be safe: at three in the morning nobody can tell a reset from a closed port."""
#| exercise: m01-10-ex2
#| caught by: test_ex2_other_errors_keep_their_cause
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
    except (httpx.RequestError, OSError) as error:
        call.may_be_sent = request_was_sent(error)
        raise failure(call, error) from None
    return whole(response, body)
