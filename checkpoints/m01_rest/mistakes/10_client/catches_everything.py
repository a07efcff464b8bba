"""Makes a failure of whatever ends the exchange: a cancelled call is tried again during shutdown."""
#| exercise: m01-10-ex2
#| caught by: test_ex2_cancellation_passes_and_closes
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
    except IngestionError:
        raise
    except BaseException as error:
        call.may_be_sent = request_was_sent(error)
        if isinstance(error, httpx.LocalProtocolError):
            raise failure(call, error) from None
        raise failure(call, error if isinstance(error, Exception) else TimeoutError()) from error
    return whole(response, body)
