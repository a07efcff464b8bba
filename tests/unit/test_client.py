"""The client that composes every defence: on virtual time, against a transport of our own."""

import asyncio
import gzip
import itertools
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from ingestion.errors import (
    AmbiguousError,
    CircuitOpenError,
    ConfigurationError,
    CorruptError,
    DeadlineExceededError,
    IngestionError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from ingestion.http.client import HttpClient, trusted_by
from ingestion.http_library import httpx
from ingestion.resilience.circuit_breaker import BreakerPolicy, CircuitBreaker
from ingestion.resilience.retry import RetryBudget, RetryPolicy
from ingestion.resilience.token_bucket import TokenBucket
from workbook import virtual_time
from workbook.virtual_time import CLOCK

BASE = "https://api.example.com/v1"
OK = httpx.Response(200, json={"data": []})

Step = httpx.Response | BaseException | Callable[[httpx.Request], Awaitable[httpx.Response]]


class Server(httpx.AsyncBaseTransport):
    """Answers request after request from *script*, the last step for ever, and keeps what came."""

    def __init__(self, *script: Step) -> None:
        self.script = script
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.at_s: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(await request.aread())
        self.at_s.append(CLOCK.time_s())
        step = self.script[min(len(self.requests), len(self.script)) - 1]
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, httpx.Response):
            return httpx.Response(step.status_code, headers=step.headers, content=step.content)
        return await step(request)

    def headers(self, name: str) -> list[str | None]:
        return [request.headers.get(name) for request in self.requests]


def client(server: Server, *, retry: RetryPolicy | None = None, base: str = BASE, **options: Any) -> HttpClient:
    retry = retry or RetryPolicy(uniform=lambda low, _: low, now=CLOCK.now)
    return HttpClient(base, transport=server, retry=retry, **options)


def call(server: Server, method: str = "GET", url: str = "/orders", **options: Any) -> httpx.Response:
    """Make one call in virtual time; arguments of `request` come as `request=dict(...)`."""
    arguments = options.pop("request", {})

    async def main() -> httpx.Response:
        async with client(server, **options) as http:
            return await http.request(method, url, **arguments)

    return virtual_time.run(main())


async def hang(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(1e6)
    return OK


def status(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(code, headers={name.replace("_", "-"): value for name, value in headers.items()})


def failing(error: type[Exception]) -> Exception:
    return error("broken")


class TestWhatIsRepeated:
    """B7, B8, B11."""

    @pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
    def test_statuses_that_may_pass(self, code: int) -> None:
        server = Server(status(code), OK)
        assert call(server).json() == {"data": []}
        assert len(server.requests) == 2

    @pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 418, 422, 501, 505])
    def test_statuses_that_will_not(self, code: int) -> None:
        server = Server(httpx.Response(code, json={"why": "not"}), OK)
        with pytest.raises(PermanentError, match=f"GET /v1/orders answered {code}") as caught:
            call(server)
        assert len(server.requests) == 1
        assert caught.value.status_code == code
        assert isinstance(caught.value.__cause__, httpx.HTTPStatusError)
        assert caught.value.__cause__.response.json() == {"why": "not"}

    @pytest.mark.parametrize(
        "error",
        [
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.ReadError,
            httpx.ReadTimeout,
            httpx.WriteError,
            httpx.RemoteProtocolError,
            httpx.PoolTimeout,
            httpx.WriteTimeout,
            httpx.CloseError,
        ],
    )
    def test_broken_connections(self, error: type[httpx.TransportError]) -> None:
        server = Server(failing(error), OK)
        assert call(server).status_code == 200
        assert len(server.requests) == 2

    @pytest.mark.parametrize("attempts", [1, 3, 6])
    def test_configured_attempts_are_requests_on_the_wire(self, attempts: int) -> None:
        server = Server(status(503))
        with pytest.raises(TransientError, match="503"):
            call(server, retry=RetryPolicy(max_attempts=attempts, uniform=lambda low, _: low))
        assert len(server.requests) == attempts

    @pytest.mark.parametrize("method", ["POST", "PATCH", "post"])
    @pytest.mark.parametrize("error", [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError])
    def test_an_unsafe_call_cut_off_is_ambiguous(self, method: str, error: type[httpx.TransportError]) -> None:
        server = Server(failing(error), OK)
        with pytest.raises(AmbiguousError, match="may or may not"):
            call(server, method, request={"json": {"n": 1}})
        assert len(server.requests) == 1

    @pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
    def test_an_unsafe_call_that_was_never_sent_is_repeated(self, error: type[httpx.TransportError]) -> None:
        server = Server(failing(error), OK)
        assert call(server, "POST", request={"json": {"n": 1}}).status_code == 200
        assert server.bodies == [b'{"n":1}'] * 2

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
    def test_idempotent_methods_need_no_key(self, method: str) -> None:
        server = Server(failing(httpx.ReadError), OK)
        assert call(server, method).status_code == 200
        assert server.headers("idempotency-key") == [None, None]

    def test_a_thousand_calls_to_a_dead_upstream(self) -> None:
        """B5."""
        server = Server(status(503))

        async def main() -> None:
            retry = RetryPolicy(budget=RetryBudget())
            async with client(server, retry=retry) as one, client(server, retry=retry) as other:
                calls = [http.request("GET", "/orders") for http in (one, other) for _ in range(500)]
                await asyncio.gather(*calls, return_exceptions=True)

        virtual_time.run(main())
        assert len(server.requests) == 1_100


class TestIdempotencyKey:
    """B9."""

    def test_one_key_for_all_attempts_and_another_for_the_next_call(self) -> None:
        server = Server(status(503), failing(httpx.ReadError), OK, status(500), OK)
        numbers = map(str, itertools.count(1))

        async def main() -> None:
            async with client(server, make_idempotency_key=lambda: next(numbers)) as http:
                await http.request("POST", "/orders", json={"n": 1})
                await http.request("POST", "/orders", json={"n": 1})
                await http.request("GET", "/orders")

        virtual_time.run(main())
        assert server.headers("idempotency-key") == ["1", "1", "1", "2", "2", None]

    @pytest.mark.parametrize("arguments", [{"idempotency_key": "mine"}, {"headers": {"IDEMPOTENCY-key": "mine"}}])
    def test_the_callers_own_key_wins(self, arguments: dict[str, Any]) -> None:
        server = Server(status(503), OK)
        call(server, "POST", request=arguments, make_idempotency_key=lambda: "made")
        assert server.headers("idempotency-key") == ["mine", "mine"]

    def test_an_empty_key_makes_nothing_repeatable(self) -> None:
        server = Server(failing(httpx.ReadError), OK)
        with pytest.raises(AmbiguousError):
            call(server, "POST", request={"idempotency_key": ""})
        assert len(server.requests) == 1


class TestBodyOnItsWayOut:
    """B10."""

    def test_a_generator_is_read_once_and_sent_whole_each_time(self) -> None:
        reads: list[int] = []

        def chunks() -> Iterator[bytes]:
            reads.append(1)
            yield from (b"one,", b"two,", b"three")

        async def async_chunks() -> AsyncIterator[bytes]:
            for chunk in chunks():
                yield chunk

        for content in (chunks(), async_chunks()):
            server = Server(status(503), failing(httpx.ConnectError), OK)
            call(server, "PUT", request={"content": content})
            assert server.bodies == [b"one,two,three"] * 3
        assert len(reads) == 2

    def test_a_generator_without_end_is_refused(self) -> None:
        server = Server(OK)
        with pytest.raises(ValueError, match="1,000 bytes"):
            call(server, "PUT", max_body_bytes=1_000, request={"content": itertools.repeat(b"x" * 100)})
        assert server.requests == []

    def test_json_is_spelled_canonically_and_declared(self) -> None:
        server = Server(OK)
        call(server, "PUT", request={"json": {"b": 1, "a": "é"}})
        assert server.bodies == ['{"a":"é","b":1}'.encode()]
        assert server.headers("content-type") == ["application/json"]

    def test_json_and_content_exclude_each_other(self) -> None:
        with pytest.raises(ValueError, match="not both"):
            call(Server(OK), "PUT", request={"json": {}, "content": b""})


class TestAuthorization:
    """B7: 401 leads to one refresh, once."""

    class Tokens:
        def __init__(self) -> None:
            self.refused: list[str] = []

        async def header(self) -> str:
            return f"Bearer {len(self.refused)}"

        async def refresh(self, refused: str) -> None:
            self.refused.append(refused)

    def test_a_refused_token_is_refreshed_and_the_call_goes_on(self) -> None:
        tokens = self.Tokens()
        server = Server(status(401), OK)
        call(server, "POST", authorization=tokens.header, on_unauthorized=tokens.refresh)
        assert server.headers("authorization") == ["Bearer 0", "Bearer 1"]
        assert tokens.refused == ["Bearer 0"]

    def test_at_most_once_a_call_whatever_comes_after(self) -> None:
        tokens = self.Tokens()
        server = Server(status(401), status(503), status(401), OK)
        with pytest.raises(PermanentError) as caught:
            call(server, authorization=tokens.header, on_unauthorized=tokens.refresh)
        assert caught.value.status_code == 401
        assert len(tokens.refused) == 1
        assert len(server.requests) == 3

    def test_without_a_hook_401_is_final(self) -> None:
        server = Server(status(401), OK)
        with pytest.raises(PermanentError):
            call(server, authorization="Bearer x")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("name", ["Authorization", "authorization", "Host"])
    def test_a_call_may_not_bring_its_own(self, name: str) -> None:
        with pytest.raises(ValueError, match="set by the client alone"):
            call(Server(OK), request={"headers": {name: "x"}})


class TestOrigin:
    """P5: nothing is sent, and so no credential leaves, to anywhere else."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.example.com/v1/x",
            "https://api.example.com:8443/x",
            "https://evil.example.com/x",
            "//evil.com/x",
            "https://api.example.com.evil.com/",
            "https://api.example.com@evil.com/",
            "https:///x",
            "ftp://api.example.com/",
            "https://user:pass@api.example.com/x",
            "//api.example.com/x",
            "https://api.example.com:80/x",
            "javascript:alert(1)",
            "https://evil.com\\@api.example.com/",
            "https://api.example.com\\.evil.com/",
            "http://[::1",
            "https://a\nb/",
        ],
    )
    def test_other_origins_are_refused(self, url: str) -> None:
        server = Server(OK)
        with pytest.raises(PermanentError):
            call(server, url=url, authorization="Bearer secret")
        assert server.requests == []

    @pytest.mark.parametrize(
        ("url", "sent"),
        [
            ("/orders", "https://api.example.com/v1/orders"),
            ("orders", "https://api.example.com/v1/orders"),
            ("/orders?cursor=a%2Fb%3D+%20c", "https://api.example.com/v1/orders?cursor=a%2Fb%3D+%20c"),
            ("https://api.example.com/elsewhere", "https://api.example.com/elsewhere"),
            ("https://API.example.com:443/v2?x=1#part", "https://api.example.com/v2?x=1"),
            ("", "https://api.example.com/v1/"),
        ],
    )
    def test_own_urls_go_where_they_say(self, url: str, sent: str) -> None:
        server = Server(OK)
        response = call(server, url=url)
        assert str(server.requests[0].url) == str(response.url) == sent

    def test_params_are_added_and_win(self) -> None:
        server = Server(OK)
        call(server, url="/orders?limit=10&state=open", request={"params": {"limit": 50, "tag": ["a", "b"]}})
        assert dict(server.requests[0].url.params.multi_items()) == {
            "limit": "50",
            "state": "open",
            "tag": "b",
        }
        assert server.requests[0].url.params.get_list("tag") == ["a", "b"]

    @pytest.mark.parametrize("params", [None, {}])
    def test_no_params_leave_the_query_alone(self, params: dict[str, str] | None) -> None:
        server = Server(OK)
        call(server, url="/orders?cursor=x", request={"params": params})
        assert server.requests[0].url.query == b"cursor=x"

    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("location", ["https://evil.com/", "/v1/other"])
    def test_redirects_are_not_followed(self, code: int, location: str) -> None:
        server = Server(status(code, location=location), OK)
        with pytest.raises(PermanentError, match=str(code)):
            call(server, authorization="Bearer secret")
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "base",
        ["api.example.com", "ftp://x/", "https://", "https://u:p@h/", "https://h/?k=1", "http://[::1", ""],
    )
    def test_a_base_url_has_to_be_plain(self, base: str) -> None:
        with pytest.raises(ConfigurationError, match="base URL") as caught:
            client(Server(OK), base=base)
        assert "u:p" not in str(caught.value)


class TestAskedToWait:
    """R5, R7, R8."""

    @pytest.mark.parametrize("code", [429, 503])
    def test_retry_after_is_obeyed(self, code: int) -> None:
        server = Server(status(code, retry_after="7"), OK)
        call(server)
        assert server.at_s == [0, 7]

    def test_a_quota_header_on_a_mere_server_error_is_not_a_reason_to_wait(self) -> None:
        server = Server(status(500, x_ratelimit_reset="25"), OK)
        call(server)
        assert server.at_s == [0, 0]

    @pytest.mark.parametrize("shared", [True, False])
    def test_nothing_is_sent_before_the_time_the_server_named(self, shared: bool) -> None:
        server = Server(status(429, retry_after="3600"), OK)

        async def main() -> None:
            limiter = TokenBucket(100, 10, clock=CLOCK.time_s) if shared else None
            async with client(server, limiter=limiter) as http:
                for _ in range(3):
                    with pytest.raises(ThrottledError) as caught:
                        await http.request("GET", "/orders")
                    assert caught.value.not_before is not None
                    left_s = (caught.value.not_before - CLOCK.now()).total_seconds()
                    assert 3_600 - CLOCK.time_s() <= left_s <= 3_602 - CLOCK.time_s()
                    assert len(server.requests) == 1
                    await asyncio.sleep(1_000)
                await asyncio.sleep(601)
                await http.request("GET", "/orders")

        virtual_time.run(main())
        assert server.at_s == [0, 3_601]

    def test_one_calls_429_pauses_every_call(self) -> None:
        async def first_is_throttled(_: httpx.Request) -> httpx.Response:
            return status(429, retry_after="20") if len(server.requests) == 1 else OK

        async def main() -> None:
            async with client(server) as http:
                await asyncio.gather(*(later(http, n) for n in range(10)))

        async def later(http: HttpClient, n: int) -> None:
            await asyncio.sleep(n)
            await http.request("GET", "/orders")

        server = Server(first_is_throttled)
        virtual_time.run(main())
        assert server.at_s[0] == 0
        assert min(server.at_s[1:]) >= 20

    def test_the_limiter_is_asked_before_every_request(self) -> None:
        server = Server(status(503), status(503), OK)

        async def main() -> None:
            limiter = TokenBucket(0.5, 1, clock=CLOCK.time_s)
            async with client(server, limiter=limiter) as http:
                await http.request("GET", "/orders")
                assert http.stats.limited_s == pytest.approx(4)

        virtual_time.run(main())
        assert server.at_s == pytest.approx([0, 2, 4])


class TestDeadline:
    """B3: one deadline over limiter, connection, body and sleeps."""

    def test_attempts_that_hang_are_cut_off_and_repeated_until_the_deadline(self) -> None:
        async def main() -> float:
            async with client(server, retry=RetryPolicy(deadline_s=100, uniform=lambda low, _: low)) as http:
                with pytest.raises(DeadlineExceededError):
                    await http.request("GET", "/orders")
            return CLOCK.time_s()

        server = Server(hang)
        assert virtual_time.run(main()) == 100
        assert server.at_s == [0, 30, 60, 90]

    def test_a_wait_for_the_limiter_past_the_deadline_is_not_begun(self) -> None:
        async def main() -> None:
            limiter = TokenBucket(0.04, 1, clock=CLOCK.time_s)
            async with client(server, retry=RetryPolicy(deadline_s=10), limiter=limiter) as http:
                await http.request("GET", "/orders")
                with pytest.raises(DeadlineExceededError):
                    await http.request("GET", "/orders")
                assert CLOCK.time_s() == 0

        server = Server(OK)
        virtual_time.run(main())
        assert len(server.requests) == 1

    def test_an_unsafe_call_cut_off_in_flight_is_ambiguous(self) -> None:
        with pytest.raises(AmbiguousError):
            call(Server(hang), "POST", retry=RetryPolicy(deadline_s=10))

    def test_an_unsafe_call_cut_off_in_line_is_not(self) -> None:
        async def main() -> None:
            async with client(Server(hang), max_connections=1, retry=RetryPolicy(deadline_s=10)) as http:
                calls = [http.request("POST", "/orders") for _ in range(3)]
                kinds = [type(error) for error in await asyncio.gather(*calls, return_exceptions=True)]
                assert kinds == [AmbiguousError, DeadlineExceededError, DeadlineExceededError]

        virtual_time.run(main())


class TestBreaker:
    """C3, C9, C11 as they meet the client."""

    def test_an_open_circuit_costs_no_request_no_token_and_no_budget(self) -> None:
        async def main() -> None:
            breaker = CircuitBreaker("x", BreakerPolicy(min_calls=5, delay_s=60), clock=CLOCK.time_s)
            limiter = TokenBucket(1, 100, clock=CLOCK.time_s)
            retry = RetryPolicy(max_attempts=1)
            async with client(server, breaker=breaker, limiter=limiter, retry=retry) as http:
                for _ in range(5):
                    with pytest.raises(TransientError):
                        await http.request("GET", "/orders")
                budget = retry.budget.tokens
                for _ in range(50):
                    with pytest.raises(CircuitOpenError) as caught:
                        await http.request("GET", "/orders")
                    assert caught.value.retry_after_s is not None
                assert retry.budget.tokens == budget
                assert limiter.try_take(95)  # 5 of 100 were used
                await asyncio.sleep(60)
                server.script = (OK,)
                await http.request("GET", "/orders")

        server = Server(status(500))
        virtual_time.run(main())
        assert len(server.requests) == 6

    @pytest.mark.parametrize("step", [status(404), status(429), failing(ValueError), status(401)])
    def test_what_is_not_the_upstreams_ailment_leaves_it_closed(self, step: Step) -> None:
        async def main() -> None:
            breaker = CircuitBreaker("x", BreakerPolicy(min_calls=1, delay_s=60), clock=CLOCK.time_s)
            async with client(Server(step), breaker=breaker, retry=RetryPolicy(max_attempts=1)) as http:
                for _ in range(20):
                    with pytest.raises((IngestionError, ValueError)):
                        await http.request("GET", "/orders")
            assert breaker.state == "closed"

        virtual_time.run(main())

    def test_a_hanging_upstream_opens_it_but_cancelled_calls_do_not(self) -> None:
        async def main(deadline_s: float) -> str:
            breaker = CircuitBreaker(
                "x",
                BreakerPolicy(min_calls=3, window_s=3_600, delay_s=3_600, max_delay_s=3_600),
                clock=CLOCK.time_s,
            )
            retry = RetryPolicy(deadline_s=deadline_s, max_attempts=1)
            async with client(Server(hang), breaker=breaker, retry=retry) as http:
                for _ in range(5):
                    with pytest.raises(TransientError):
                        await http.request("GET", "/orders")
            return breaker.state

        assert virtual_time.run(main(60)) == "open"
        assert virtual_time.run(main(10)) == "closed"


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200, html="<h1>Sign in</h1>"),
            httpx.Response(200, text="ok"),
            httpx.Response(200),
            httpx.Response(200, headers={"content-type": "application/json"}),
            httpx.Response(
                200,
                headers={"content-type": "application/json", "content-encoding": "br"},
                stream=httpx.ByteStream(b"x"),
            ),
        ],
    )
    def test_a_success_that_is_no_json_is_corrupt(self, answer: httpx.Response) -> None:
        """P13."""

        async def as_it_is(_: httpx.Request) -> httpx.Response:
            return answer

        server = Server(as_it_is)
        with pytest.raises(CorruptError):
            call(server)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(("method", "answer"), [("HEAD", httpx.Response(200)), ("DELETE", httpx.Response(204))])
    def test_no_body_where_none_is_due(self, method: str, answer: httpx.Response) -> None:
        assert call(Server(answer), method).content == b""

    def test_other_media_types_on_request(self) -> None:
        answer = call(Server(httpx.Response(200, text="a,b")), request={"expects_json": False})
        assert answer.text == "a,b"

    def test_stats_and_log_tell_what_happened_without_secrets(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async with client(server, authorization="Bearer hush") as http:
                await http.request("GET", "/orders?api_key=hush", headers={"x-api-key": "hush"})
                assert (http.stats.requests, http.stats.retries, http.stats.backed_off_s) == (3, 2, 3)
                assert http.stats.bytes_read == len(OK.content)

        server = Server(status(503), status(429, retry_after="3"), OK)
        with caplog.at_level(logging.INFO, logger="ingestion"):
            virtual_time.run(main())
        lines = [record.getMessage() for record in caplog.records if record.name.startswith("ingestion")]
        assert lines == [
            "GET /v1/orders answered 503; again in 0.00 s",
            "GET /v1/orders answered 429; again in 3.00 s",
        ]

    def test_errors_name_no_secret(self) -> None:
        errors: list[BaseException] = []
        for server in (
            Server(status(404)),
            Server(failing(httpx.ReadError)),
            Server(httpx.LocalProtocolError("Bearer hush")),
        ):
            with pytest.raises(IngestionError) as caught:
                call(
                    server,
                    url="/orders?api_key=hush",
                    authorization="Bearer hush",
                    retry=RetryPolicy(max_attempts=1),
                )
            errors += [caught.value, *filter(None, [caught.value.__cause__])]
        assert not [error for error in errors if "hush" in f"{error!s}{error!r}"]


class Streamed(httpx.AsyncByteStream):
    """A body in chunks, as it comes off a wire; knows whether it was closed."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.sent = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.sent += 1
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


def streamed(*bodies: Streamed, code: int = 200, **headers: str) -> Server:
    left = iter(bodies)
    merged = {
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }

    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(code, headers=merged, stream=next(left))

    return Server(answer)


class TestBodyOnItsWayIn:
    def test_a_reset_half_way_is_repeated(self) -> None:
        """B4: the retry is around the reading, not only around the sending."""
        broken, whole = Streamed(b'{"da', httpx.ReadError("reset")), Streamed(b'{"data"', b":[]}")
        server = streamed(broken, whole)
        assert call(server).json() == {"data": []}
        assert len(server.requests) == 2
        assert broken.closed
        assert whole.closed

    def test_gzip_is_undone(self) -> None:
        packed = gzip.compress(b'{"data":[') + gzip.compress(b"1,2]}")
        server = streamed(Streamed(*(packed[n : n + 7] for n in range(0, len(packed), 7))), content_encoding="gzip")
        answer = call(server)
        assert answer.json() == {"data": [1, 2]}
        assert "content-encoding" not in answer.headers
        assert server.headers("accept-encoding") == ["gzip"]

    def test_gzip_cut_short_is_repeated(self) -> None:
        """B4."""
        packed = gzip.compress(b'{"data":[1]}')
        server = streamed(Streamed(packed[:-9]), Streamed(packed), content_encoding="gzip")
        assert call(server).json() == {"data": [1]}

    def test_gzip_of_many_members_holds_nobody_up(self) -> None:
        """Three million empty ones fit into 64 MiB; each used to cost a copy of all that follow."""
        few, many = (gzip.compress(b"") * count for count in (99_999, 300_000))
        server = streamed(Streamed(few + gzip.compress(b"{}")), content_encoding="gzip")
        assert call(server).json() == {}
        with pytest.raises(CorruptError, match="more than 100,000 members"):
            call(streamed(Streamed(many), content_encoding="gzip"))

    def test_gzip_that_is_none_is_corrupt(self) -> None:
        with pytest.raises(CorruptError, match="gzip"):
            call(streamed(Streamed(b"{}"), content_encoding="gzip"))

    @pytest.mark.parametrize("size", [999, 1_000, 1_001, 100_000])
    @pytest.mark.parametrize("packed", [False, True])
    def test_the_cap_counts_unpacked_bytes(self, size: int, packed: bool) -> None:
        """P14."""
        content = gzip.compress(b" " * size) if packed else b" " * size
        body = Streamed(*(content[n : n + 100] for n in range(0, len(content), 100)))
        server = streamed(body, **({"content_encoding": "gzip"} if packed else {}))
        if size <= 1_000:
            assert call(server, max_body_bytes=1_000).content == b" " * size
        else:
            with pytest.raises(PermanentError, match="1,000 bytes"):
                call(server, max_body_bytes=1_000)
        assert body.sent <= 11
        assert body.closed
        assert len(server.requests) == 1

    @pytest.mark.parametrize("chunks", [(b"x" * 2_000,), (b"x", httpx.ReadError("reset"))])
    def test_the_status_counts_whatever_its_page_does(self, chunks: tuple[bytes | Exception, ...]) -> None:
        with pytest.raises(PermanentError) as caught:
            call(streamed(Streamed(*chunks), code=404), max_body_bytes=1_000)
        assert caught.value.status_code == 404

    def test_every_body_is_closed_also_on_cancellation(self) -> None:
        class Slow(Streamed):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                yield b"{"
                await asyncio.sleep(1e6)

        body = Slow()
        with pytest.raises(DeadlineExceededError):
            call(streamed(body), retry=RetryPolicy(deadline_s=10))
        assert body.closed


def test_no_more_requests_in_flight_than_connections() -> None:
    in_flight: list[int] = [0]
    most: list[int] = [0]

    async def slow(_: httpx.Request) -> httpx.Response:
        in_flight[0] += 1
        most[0] = max(most[0], in_flight[0])
        await asyncio.sleep(1)
        in_flight[0] -= 1
        return OK

    async def main() -> float:
        async with client(Server(slow), max_connections=4) as http:
            await asyncio.gather(*(http.request("GET", "/orders") for _ in range(20)))
        return CLOCK.time_s()

    assert virtual_time.run(main()) == 5
    assert most == [4]


def test_a_plain_origin_trusts_no_certificate_and_a_secure_one_the_systems() -> None:
    plain = trusted_by(httpx.URL("http://api.example.com"))
    assert isinstance(plain, ssl.SSLContext)
    assert plain.verify_mode is ssl.CERT_REQUIRED
    assert plain.check_hostname
    assert plain.get_ca_certs() == []
    assert trusted_by(httpx.URL("https://api.example.com")) is True


@pytest.mark.parametrize("body", [{"content": b"12345678901"}, {"content": "12345678901"}, {"json": "123456789"}])
def test_a_request_body_of_any_kind_is_bounded(body: dict[str, Any]) -> None:
    server = Server(OK)
    with pytest.raises(ValueError, match="may have 10 bytes"):
        call(server, "PUT", max_body_bytes=10, request=body)
    assert not server.requests


def test_no_cookie_is_kept() -> None:
    """A server that sets new ones with each answer would get ever longer requests, until it refuses them."""
    cookie = httpx.Response(200, json={}, headers={"set-cookie": "session=1; Path=/"})
    server = Server(cookie)

    async def main() -> None:
        async with client(server) as http:
            for _ in range(3):
                await http.request("GET", "/orders")

    virtual_time.run(main())
    assert server.headers("cookie") == [None, None, None]


@pytest.mark.parametrize("cursor", ["\ud83d", "a\udc00b"])
def test_half_a_character_is_no_parameter(cursor: str) -> None:
    server = Server(OK)
    with pytest.raises(PermanentError, match="not a URL"):
        call(server, request={"params": {"cursor": cursor}})
    assert not server.requests


def test_a_host_that_cannot_be_decoded_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError):
        HttpClient("http://xn--")


@pytest.mark.parametrize("proxy", ["ftp://user:s3cret@proxy", "socks5://user:s3cret@proxy", "nonsense://"])
def test_a_proxy_that_cannot_be_used_is_a_wrong_setting(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="ALL_PROXY") as caught:
        HttpClient("http://api.example.com")
    assert "s3cret" not in str(caught.value)
