"""Splits URLs with the standard library, times out by wait_for, and settles on each way out."""
#| exercise: m01-10-ex1
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    from urllib.parse import urlsplit

    if not isinstance(url, str):
        raise PermanentError("a URL is text")
    if url.startswith(("http://", "https://", "HTTP://", "HTTPS://")):
        text = url
    elif "://" in url or url.startswith("//") or ":" in urlsplit(url).scheme + url.split("/")[0]:
        raise PermanentError("neither a path nor an http URL")
    else:
        text = str(base).rstrip("/") + "/" + url.lstrip("/")
    try:
        target = httpx.URL(text.partition("#")[0])
        if params:
            target = target.copy_merge_params({**params})
    except (httpx.InvalidURL, ValueError):
        raise PermanentError("that is no URL") from None
    same = (target.scheme, target.raw_host, target.port) == (base.scheme, base.raw_host, base.port)
    if not same or target.userinfo:
        raise PermanentError("not ours")
    return target


#| exercise: m01-10-ex2
async def exchange(
    http: httpx.AsyncClient, call: Call, authorization: str, *, timeout_s: float, max_bytes: int
) -> httpx.Response:
    headers = call.headers | ({"authorization": authorization} if authorization else {})
    request = http.build_request(call.method, call.url, headers=headers, content=call.body)
    call.may_be_sent = True
    async def sent_and_read() -> httpx.Response:
        async with contextlib_closing(await http.send(request, stream=True)) as response:
            return whole(response, await _read(response, max_bytes))

    class contextlib_closing:
        def __init__(self, response: httpx.Response) -> None:
            self.response = response

        async def __aenter__(self) -> httpx.Response:
            return self.response

        async def __aexit__(self, *_: object) -> None:
            await self.response.aclose()

    try:
        return await asyncio.wait_for(sent_and_read(), timeout_s)
    except httpx.LocalProtocolError as error:
        wrong = failure(call, error)
        call.may_be_sent = request_was_sent(error)
    except (httpx.RequestError, OSError) as error:
        call.may_be_sent = request_was_sent(error)
        raise failure(call, error) from error
    raise wrong


#| exercise: m01-10-ex3
class Gate:

    def __init__(
        self,
        limiter: Limiter | None,
        breaker: Breaker | None,
        credentials: Credentials,
        *,
        max_in_flight: int,
        stats: ClientStats,
    ) -> None:
        self.limiter = limiter
        self.breaker = breaker or AlwaysClosed()
        self.credentials = credentials
        self.slots = asyncio.Semaphore(max_in_flight)
        self.stats = stats

    async def send(self, call: Call, make: Callable[[str], Awaitable[httpx.Response]]) -> httpx.Response:
        call.may_be_sent = False
        await self.slots.acquire()
        try:
            permit = await self.breaker.enter()
            try:
                await self.wait_for_turn(call)
                authorization = await self.credentials()
                try:
                    response = await make(authorization)
                except Exception as error:
                    await permit.settle(verdict_of(error))
                    raise
                await permit.settle(verdict_of(response))
                return response
            finally:
                await permit.abandoned()  # without effect once settled
        finally:
            self.slots.release()

    async def wait_for_turn(self, call: Call) -> None:
        left_s = call.deadline_at_s - asyncio.get_running_loop().time()
        self.stats.limited_s += await self._a_limiter().acquire(max_wait_s=left_s)

    async def pause_everyone(self, wait_s: float) -> None:
        told = self._a_limiter().penalise(wait_s)
        if inspect.isawaitable(told):
            await told

    def _a_limiter(self) -> Limiter:
        if self.limiter is None:  # a bucket too wide to hold anything back, except by a penalty
            self.limiter = TokenBucket(10_000, 1_000, clock=asyncio.get_running_loop().time)
        return self.limiter
