"""Never says that a request did not leave: a POST to a server that refused the connection becomes ambiguous."""
#| exercise: m01-10-ex2
#| caught by: test_ex2_how_far_it_came
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
        raise failure(call, error) from (None if isinstance(error, httpx.LocalProtocolError) else error)
    return whole(response, body)
