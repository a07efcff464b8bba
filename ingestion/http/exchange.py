# Made from solutions/m01_rest/10_client.ipynb: edit it there.
"""One exchange with an upstream: where it may go, when it may go, and what comes of it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ingestion.errors import ConfigurationError, IngestionError, PermanentError
from ingestion.http import body as bodies
from ingestion.http.call import Call, failure, request_was_sent, whole
from ingestion.http.guards import AlwaysClosed, Breaker, Limiter
from ingestion.http.stats import ClientStats
from ingestion.http_library import httpx
from ingestion.resilience.token_bucket import TokenBucket
from ingestion.resilience.upstream import Verdict, verdict_of

__all__ = ["Credentials", "Gate", "Params", "Scalar", "exchange", "origin", "plain_base_url", "resolve"]


Scalar = str | int | float | bool | None
Params = Mapping[str, Scalar | Sequence[Scalar]]
Credentials = Callable[[], Awaitable[str]]


def origin(url: httpx.URL) -> str:
    """Give scheme, host and port, the port only where it is not the scheme's own. User info is no part of it."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def plain_base_url(text: str) -> httpx.URL:
    """Read a base URL.

    Raises:
        ConfigurationError: no plain `http(s)://host[:port][/path]`. The message doesn't quote it.
    """
    try:
        base = httpx.URL(text)
        host = base.host  # decoded only here
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ConfigurationError(f"the base URL is not a URL: {error}") from None
    if base.scheme not in ("http", "https") or not host or base.userinfo or base.query or base.fragment:
        raise ConfigurationError("the base URL has to be http(s)://host[:port][/path], without credentials or a query")
    return base


def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    """Give the absolute URL of a call, certainly on the origin (scheme, host and port) of *base*.

    Args:
        base: As from `plain_base_url`.
        url: A path, appended to that of *base*, or an absolute URL.
        params: Added to the query; a name that is there already is replaced.

    Raises:
        PermanentError: another origin, credentials inside the URL, or no URL at all.
    """
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            path = base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/")
            target = base.copy_with(raw_path=path)
        if params:
            target = target.copy_merge_params(dict(params))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PermanentError(f"not a URL: {error}") from None
    if origin(target) != origin(base) or target.userinfo:
        raise PermanentError(f"refused to call {origin(target)}: this client calls {origin(base)} alone")
    return target.copy_with(fragment=None)


async def exchange(
    http: httpx.AsyncClient, call: Call, authorization: str, *, timeout_s: float, max_bytes: int
) -> httpx.Response:
    """Make one attempt: send the request and read the answer, whatever its status, to the end.

    *timeout_s* covers everything from connecting to the last byte, so a server that sends one byte a second holds on
    to us no longer than that. Whatever happens, the connection is given back or closed.

    Raises:
        TransientError: no answer, or half of one; `request_sent` and `timed_out` say how far it came.
        PermanentError: a 2xx of more than *max_bytes*, or a request that can't be sent at all.
        CorruptError: a 2xx that does not unpack.
    """
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
        raise failure(call, error) from (None if isinstance(error, httpx.LocalProtocolError) else error)
    return whole(response, body)


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    try:
        return await bodies.read(response, max_bytes=max_bytes)
    except (IngestionError, httpx.TransportError):
        if response.is_success:
            raise
        return b""  # the status says what to do, whatever became of the page that explains it


class Gate:
    """Lets the requests of one client out when everything agrees, and tells the breaker what came of each.

    Args:
        limiter: Without one no rate is kept, but a pause that the server asks for still holds for all calls.
        breaker: Without one every call may go.
        credentials: Gives the `Authorization` header's value; empty for none.
        max_in_flight: Requests at once; further ones wait in line.
        stats: Where requests and waits are counted.
    """

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
        """Await `make(authorization)` as soon as it may go, and give its answer.

        In this order: a free slot, the breaker, the limiter, fresh credentials. Whoever entered the breaker gives
        its permit exactly one verdict: `verdict_of` the answer or of the error that `make` raised; `ABANDONED` when
        it never came to that, or was cancelled.
        """
        call.may_be_sent = False
        async with self.slots, await self.breaker.enter() as permit:
            await self.wait_for_turn(call)
            authorization = await self.credentials()
            verdict = Verdict.ABANDONED
            try:
                response = await make(authorization)
                verdict = verdict_of(response)
            except Exception as error:
                verdict = verdict_of(error)
                raise
            finally:
                await permit.settle(verdict)
            return response

    async def wait_for_turn(self, call: Call) -> None:
        """Wait for the limiter; not at all where the wait would end after the call's deadline: it raises then."""
        left_s = call.deadline_at_s - asyncio.get_running_loop().time()
        self.stats.limited_s += await self._a_limiter().acquire(max_wait_s=left_s)

    async def pause_everyone(self, wait_s: float) -> None:
        """Let nobody send anything for *wait_s* seconds."""
        told = self._a_limiter().penalise(wait_s)
        if inspect.isawaitable(told):
            await told

    def _a_limiter(self) -> Limiter:
        if self.limiter is None:  # a bucket too wide to hold anything back, except by a penalty
            self.limiter = TokenBucket(10_000, 1_000, clock=asyncio.get_running_loop().time)
        return self.limiter
