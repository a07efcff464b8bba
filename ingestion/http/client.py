# Made from solutions/m01_rest/10_client.ipynb: edit it there.
"""The one way to call an upstream over HTTP: every source uses it, and every defence is in it once.

    request: origin ─ retry ─┬─ slot ─ breaker ─ limiter ─ credentials ─ exchange ─┐
                             └──────────────── again, or the answer ───────────────┘

All of it happens under the retry policy's one deadline. Nothing below this module retries.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

from ingestion.errors import (
    AmbiguousError,
    ConfigurationError,
    DeadlineExceededError,
    ThrottledError,
    TransientError,
)
from ingestion.http import body as bodies
from ingestion.http.call import Call, own_headers, refusal
from ingestion.http.exchange import Gate, Params, exchange, plain_base_url, resolve
from ingestion.http.guards import Breaker, Limiter
from ingestion.http.stats import ClientStats
from ingestion.http_library import httpx
from ingestion.resilience.retry import RetryPolicy

__all__ = ["HttpClient", "logger", "trusted_by"]


logger = logging.getLogger(__name__)

_DEFAULT_HEADERS = {"User-Agent": "ingestion/1.0", "Accept-Encoding": "gzip"}


def trusted_by(base: httpx.URL) -> ssl.SSLContext | bool:
    """Give the certificates to trust on the way to *base*: the system's for `https`, none at all for `http`.

    Loading the system's takes a fifth of a second, which a plain origin has no use for. Without them every TLS
    handshake fails, so nothing is trusted by mistake.
    """
    return True if base.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class HttpClient:
    """A client of one upstream. Use as `async with HttpClient(...) as client`, within one event loop.

    It keeps no cookies.

    Args:
        base_url: Where the upstream is. Its scheme, host and port are the only ones ever called.
        retry: Attempts, waits, deadline and budget. Share one among all clients of the upstream.
        limiter: Asked before each request, and told each wait that the server asks for. Without one, no rate is
            kept, but such a wait still holds for all calls of this client.
        breaker: Entered before the limiter, so that an open circuit costs no token.
        authorization: The `Authorization` header's value, or what gives it for each request.
        on_unauthorized: Called with the refused value, at most once a call, when the answer is 401; then the request
            is made again, with what *authorization* gives by then.
        headers: Sent with each request.
        make_idempotency_key: Gives a key for each unsafe call that brings none. Only for a server that honours them.
        attempt_timeout_s: What one attempt may take, from connecting to the last byte.
        max_body_bytes: The largest body, either way, also after unpacking.
        max_connections: Requests in flight at once; further ones wait in line.

    Raises:
        ConfigurationError: *base_url* is no plain `http(s)://host[:port][/path]`, or the environment names a proxy
            that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        retry: RetryPolicy | None = None,
        limiter: Limiter | None = None,
        breaker: Breaker | None = None,
        authorization: str | Callable[[], Awaitable[str]] = "",
        on_unauthorized: Callable[[str], Awaitable[None]] | None = None,
        headers: Mapping[str, str] | None = None,
        make_idempotency_key: Callable[[], str] | None = None,
        connect_timeout_s: float = 5.0,
        attempt_timeout_s: float = 30.0,
        max_body_bytes: int = 64 * 2**20,
        max_connections: int = 16,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = plain_base_url(base_url)
        self._retry = retry or RetryPolicy()
        self._authorization = authorization
        self._on_unauthorized = on_unauthorized
        self._make_idempotency_key = make_idempotency_key
        self._attempt_timeout_s = attempt_timeout_s
        self._max_body_bytes = max_body_bytes
        self.stats = ClientStats()
        self._gate = Gate(limiter, breaker, self._credentials, max_in_flight=max_connections, stats=self.stats)
        try:
            self._http = httpx.AsyncClient(
                headers={**_DEFAULT_HEADERS, **(headers or {})},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # they would add up
                timeout=httpx.Timeout(attempt_timeout_s, connect=connect_timeout_s),
                limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
                follow_redirects=False,
                transport=transport,
                verify=trusted_by(self._base),
            )
        except (httpx.InvalidURL, ImportError, ValueError):
            raise ConfigurationError(
                "the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: want http://host:port"
            ) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bodies.Content | None = None,
        idempotency_key: str | None = None,
        expects_json: bool = True,
    ) -> httpx.Response:
        """Make one logical call and give its 2xx answer, read to the end.

        It is repeated as the retry policy says; an unsafe method only with an idempotency key, which is the same in
        all attempts, or while nothing was sent. Credentials go to the upstream's own origin and nowhere else: another
        origin is refused before anything is sent, and redirects are not followed.

        Args:
            method: Upper and lower case are the same.
            url: A path below the base URL, or an absolute URL of the same origin. A `next` link that may be relative
                becomes one by `response.url.join(link)`.
            params: Added to the query; a name that is there already is replaced.
            headers: For this call alone; neither `Authorization` nor `Host`.
            json: The body, spelled canonically.
            content: The body as it is; a generator is read once, up front.
            idempotency_key: Makes an unsafe method repeatable, if the server honours it.
            expects_json: A 2xx then has to be JSON.

        Raises:
            TransientError: and its kinds: attempts, time or budget are used up, or the circuit is open.
            PermanentError: another 4xx or 5xx, a redirect, another origin, too large an answer. `__cause__.response`
                is the answer, if there was one.
            AmbiguousError: an unsafe call without a key was cut off after it was sent.
            CorruptError: a 2xx that is not JSON, or not what it says.
        """
        call = Call(
            method=method.upper(),
            url=resolve(self._base, url, params),
            headers=own_headers(headers, is_json=json is not None),
            body=await bodies.buffer(content, json, max_bytes=self._max_body_bytes),
            expects_json=expects_json and method.upper() != "HEAD",
            deadline_at_s=asyncio.get_running_loop().time() + self._retry.deadline_s,
        )
        call.add_idempotency_key(idempotency_key, self._make_idempotency_key)
        try:
            return await self._retry.run(
                lambda: self._attempt(call), repeatable=call.is_repeatable, on_retry=self._note_retry
            )
        except AmbiguousError as error:
            if call.may_be_sent:
                raise
            raise DeadlineExceededError(f"{call}: still waiting to be sent at its deadline") from error

    async def _attempt(self, call: Call) -> httpx.Response:
        response = await self._gate.send(call, lambda authorization: self._exchange(call, authorization))
        if response.status_code == 401 and self._on_unauthorized and not call.has_reauthorized:
            call.has_reauthorized, call.may_be_sent = True, False
            await self._on_unauthorized(response.request.headers.get("authorization", ""))
            return await self._attempt(call)
        error = refusal(call, response, now=self._retry.now)
        if error is None:
            return response
        if isinstance(error, ThrottledError) and error.retry_after_s:
            await self._gate.pause_everyone(error.retry_after_s)
        raise error from httpx.HTTPStatusError(str(error), request=response.request, response=response)

    async def _exchange(self, call: Call, authorization: str) -> httpx.Response:
        self.stats.requests += 1
        response = await exchange(
            self._http,
            call,
            authorization,
            timeout_s=self._attempt_timeout_s,
            max_bytes=self._max_body_bytes,
        )
        self.stats.bytes_read += len(response.content)
        return response

    async def _credentials(self) -> str:
        return self._authorization if isinstance(self._authorization, str) else await self._authorization()

    def _note_retry(self, error: TransientError, wait_s: float) -> None:
        self.stats.retries += 1
        self.stats.backed_off_s += wait_s
        logger.info("%s; again in %.2f s", error, wait_s)
