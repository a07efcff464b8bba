"""Lesson m01.10: where a request may go, when it may go, and what comes of it."""

import asyncio
import gzip
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from ingestion.errors import CircuitOpenError, CorruptError, PermanentError, ThrottledError, TransientError
from ingestion.http.call import Call
from ingestion.http.exchange import Gate, exchange, plain_base_url, resolve
from ingestion.http.stats import ClientStats
from ingestion.http_library import httpx
from ingestion.resilience.permit import Permit
from ingestion.resilience.upstream import Verdict
from workbook import virtual_time
from workbook.grading import expect
from workbook.virtual_time import CLOCK


def _name(outcome: Any) -> str:
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, BaseException) else str(outcome)


def _outcome(call: Callable[[], Any]) -> Any:
    """What *call* gives, or the error it ends with."""
    try:
        return call()
    except NotImplementedError:
        raise
    except Exception as error:
        return error


async def _ended(work: Awaitable[Any]) -> Any:
    """What *work* gives, or the error it ends with, cancellation included."""
    try:
        return await work
    except NotImplementedError:
        raise
    except BaseException as error:
        return error


def _word(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=8))


def _expect_url(came: Any, wanted: str, what: str, look_at: str) -> None:
    expect(str(came) == wanted, expected=f"{wanted} for {what}", came=_name(came), look_at=look_at, hint=3)


def test_ex1_a_path_is_appended(rng: random.Random) -> None:
    """A path goes below the base URL's own path, with one slash in between."""
    host, path = _word(rng), _word(rng)
    for base, url, wanted in (
        (f"https://{host}.com/v1", f"/{path}", f"https://{host}.com/v1/{path}"),
        (f"https://{host}.com/v1/", path, f"https://{host}.com/v1/{path}"),
        (f"https://{host}.com", f"/{path}", f"https://{host}.com/{path}"),
        (f"http://{host}.com:8080/s/1", f"/{path}?limit=5", f"http://{host}.com:8080/s/1/{path}?limit=5"),
        (f"https://{host}.com/v1", f"/a%2F{path}/%C3%A9", f"https://{host}.com/v1/a%2F{path}/%C3%A9"),
        (f"https://{host}.com/v1", f"/{path}#part", f"https://{host}.com/v1/{path}"),
    ):
        came = _outcome(lambda base=base, url=url: resolve(plain_base_url(base), url))
        _expect_url(came, wanted, f"{url!r} below {base}", "how the two paths are joined")


def test_ex1_an_absolute_url_of_the_same_origin(rng: random.Random) -> None:
    """An absolute URL stays as it is: default port and the case of the host make no other origin; the fragment goes."""
    host, path = _word(rng), _word(rng)
    base = plain_base_url(f"https://{host}.com/v1")
    for url, wanted in (
        (f"https://{host}.com/{path}", f"https://{host}.com/{path}"),
        (f"https://{host}.com:443/{path}?a=1", f"https://{host}.com/{path}?a=1"),
        (f"HTTPS://{host.upper()}.com/{path}", f"https://{host}.com/{path}"),
        (f"https://{host}.com/{path}#part", f"https://{host}.com/{path}"),
    ):
        came = _outcome(lambda url=url: resolve(base, url))
        _expect_url(came, wanted, url, "what an origin is made of")


def test_ex1_no_other_origin(rng: random.Random) -> None:
    """Another scheme, host or port is refused, however much it looks like the own one."""
    host, evil = f"{_word(rng)}.com", f"{_word(rng)}.net"
    base = plain_base_url(f"https://{host}/v1")
    for url in (
        f"https://{evil}/x",
        f"http://{host}/x",
        f"https://{host}:8443/x",
        f"https://{host}:80/x",
        f"https://{host}.{evil}/x",
        f"https://{host}@{evil}/x",
        f"https://sub.{host}/x",
        f"//{evil}/x",
        f"https://{evil}\\@{host}/x",
        f"https://{evil}?https://{host}/",
        f"https://{evil}#@{host}/",
        f"ftp://{host}/x",
        "https:///x",
    ):
        came = _outcome(lambda url=url: resolve(base, url))
        expect(
            isinstance(came, PermanentError),
            expected=f"a PermanentError for {url} (the client calls https://{host})",
            came=_name(came),
            look_at="who would receive the token",
            hint=2,
        )


def test_ex1_no_credentials_inside(rng: random.Random) -> None:
    """User info is refused, also on the own origin."""
    host = f"{_word(rng)}.com"
    for url in (f"https://user:pass@{host}/x", f"https://user@{host}/x", f"https://:pass@{host}/x"):
        came = _outcome(lambda url=url: resolve(plain_base_url(f"https://{host}"), url))
        expect(
            isinstance(came, PermanentError),
            expected=f"a PermanentError for {url}",
            came=_name(came),
            look_at="what an HTTP library does with user info",
            hint=2,
        )


def test_ex1_no_url_at_all() -> None:
    """What cannot be read as a URL is a PermanentError, like every other refusal."""
    for url in ("http://[::1", "https://a.com:port/", "https://a\x00b.com/"):
        came = _outcome(lambda url=url: resolve(plain_base_url("https://a.com"), url))
        expect(
            isinstance(came, PermanentError),
            expected=f"a PermanentError for {url!r}",
            came=_name(came),
            look_at="httpx.InvalidURL",
            hint=2,
        )


def test_ex1_params_are_merged(rng: random.Random) -> None:
    """Parameters are added to the query, and replace those of the same name."""
    limit, cursor = rng.randrange(1, 500), _word(rng)
    base = plain_base_url("https://a.com")
    for url in (f"/x?cursor={cursor}&limit=1", f"https://a.com/x?cursor={cursor}&limit=1"):
        came = _outcome(lambda url=url: resolve(base, url, {"limit": limit, "tag": ["a", "b"]}))
        query = sorted(came.params.multi_items()) if isinstance(came, httpx.URL) else _name(came)
        wanted = [("cursor", cursor), ("limit", str(limit)), ("tag", "a"), ("tag", "b")]
        expect(
            query == wanted,
            expected=f"the query {wanted} for {url} with limit={limit} and two tags",
            came=query,
            look_at="a query that is there already",
            hint=3,
        )


def test_ex1_an_opaque_query_is_left_alone(rng: random.Random) -> None:
    """Without parameters the query goes out letter for letter."""
    query = f"cursor={_word(rng)}%2F+%20==&a&b="
    base = plain_base_url("https://a.com/v1")
    for params in (None, {}):
        for url in (f"/x?{query}", f"https://a.com/x?{query}"):
            came = _outcome(lambda url=url, params=params: resolve(base, url, params))
            sent = came.query.decode() if isinstance(came, httpx.URL) else _name(came)
            expect(
                sent == query,
                expected=f"the query {query} with params={params}",
                came=sent,
                look_at="what an empty dict does to a query",
                hint=3,
            )


class _Body(httpx.AsyncByteStream):
    """A body in chunks: bytes are given, floats are seconds of silence, errors are raised. Knows whether it was closed."""

    def __init__(self, *chunks: bytes | float | Exception) -> None:
        self.chunks = chunks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, bytes):
                yield chunk
            elif isinstance(chunk, float):
                await asyncio.sleep(chunk)
            else:
                raise chunk

    async def aclose(self) -> None:
        self.closed = True


def _call(method: str = "GET", deadline_at_s: float = 1_000.0) -> Call:
    return Call(method, httpx.URL("https://a.com/orders?api_key=hush"), {"x-own": "1"}, None, True, deadline_at_s)


def _exchange(
    answer: _Body | Exception,
    status: int = 200,
    headers: dict[str, str] | None = None,
    authorization: str = "Bearer hush",
) -> tuple[Any, float, Call, list[httpx.Request]]:
    """One exchange in virtual time: its outcome, how long it took, its call, and what the server received."""
    received: list[httpx.Request] = []
    call = _call()

    async def serve(request: httpx.Request) -> httpx.Response:
        received.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(status, headers={"content-type": "application/json", **(headers or {})}, stream=answer)

    async def main() -> tuple[Any, float]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as http:
            came = await _ended(exchange(http, call, authorization, timeout_s=30, max_bytes=1_000))
            return came, CLOCK.time_s()

    came, took_s = virtual_time.run(main())
    return came, took_s, call, received


def test_ex2_the_answer_is_whole(rng: random.Random) -> None:
    """The answer comes with its body read, whatever its status, and the request with the credentials."""
    text = _word(rng).encode()
    for status in (200, 404, 429, 503):
        body = _Body(text[:3], 1.0, text[3:])
        came, _, _, received = _exchange(body, status)
        expect(
            isinstance(came, httpx.Response) and came.status_code == status and came.is_closed,
            expected=f"the answer {status}, read to its end",
            came=_name(came),
            look_at="what is returned",
            hint=3,
        )
        expect(came.content == text, expected=f"the body {text!r}", came=came.content, look_at="_read", hint=3)
        sent = dict(received[0].headers)
        expect(
            (sent.get("authorization"), sent.get("x-own")) == ("Bearer hush", "1"),
            expected="the call's own headers and the authorization, sent",
            came=sent,
            hint=3,
        )


def test_ex2_gzip_is_undone(rng: random.Random) -> None:
    """A packed body comes unpacked, and its headers describe what came."""
    text = _word(rng).encode() * 5
    came, *_ = _exchange(_Body(gzip.compress(text)), headers={"content-encoding": "gzip"})
    expect(
        isinstance(came, httpx.Response) and came.content == text and "content-encoding" not in came.headers,
        expected="the unpacked body, without content-encoding",
        came=_name(came),
        look_at="`whole` and `_read`, which are given",
        hint=3,
    )


def test_ex2_a_body_that_never_ends_is_cut_off(rng: random.Random) -> None:
    """The time-out covers the body: a byte a second does not hold us."""
    for body in (_Body(*[b" ", 1.0] * 500), _Body(b"{", 1e6)):
        came, took_s, *_ = _exchange(body)
        expect(
            isinstance(came, TransientError) and came.timed_out and took_s == pytest.approx(30),
            expected="a TransientError with timed_out after 30 s",
            came=f"{_name(came)} after {took_s:g} s",
            look_at="what the time-out is around",
            hint=2,
        )
        expect(body.closed, expected="the answer closed after a time-out", came="left open", look_at="finally", hint=1)


def test_ex2_a_body_that_breaks_is_transient() -> None:
    """A connection that breaks in mid-body is a failed exchange, and the answer is closed."""
    for error in (httpx.ReadError("reset"), httpx.RemoteProtocolError("cut short")):
        body = _Body(b"{", error)
        came, *_ = _exchange(body)
        expect(
            isinstance(came, TransientError) and came.request_sent,
            expected=f"a TransientError, sent, for {type(error).__name__} in mid-body",
            came=_name(came),
            look_at="whether the reading is inside the try",
            hint=2,
        )
        expect(body.closed, expected="the broken answer closed", came="left open", look_at="finally", hint=1)


def test_ex2_too_much_is_refused_and_closed() -> None:
    """A body over the limit ends the exchange, and the answer is closed."""
    body = _Body(*[b" " * 100] * 50)
    came, *_ = _exchange(body)
    expect(
        isinstance(came, PermanentError),
        expected="the PermanentError that `_read` raises for too large a body",
        came=_name(came),
        look_at="what is caught",
        hint=3,
    )
    expect(
        "1,000 bytes" in str(came),
        expected="that very error, which says how much is too much",
        came=_name(came),
        look_at="which errors become ours, and which are ours already",
        hint=3,
    )
    expect(body.closed, expected="the answer closed", came="left open", look_at="finally", hint=1)


@pytest.mark.parametrize(
    ("error", "was_sent"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.PoolTimeout("busy"), False),
        (httpx.ReadError("reset"), True),
        (httpx.ReadTimeout("slow"), True),
        (httpx.WriteError("reset"), True),
        (ConnectionResetError("reset"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_ex2_how_far_it_came(error: Exception, was_sent: bool) -> None:
    """A failed exchange says whether the request may have been sent, on the error and on the call."""
    came, _, call, _ = _exchange(error)
    expect(
        isinstance(came, TransientError) and came.request_sent is was_sent and call.may_be_sent is was_sent,
        expected=f"a TransientError with request_sent={was_sent} for {type(error).__name__}, and the same on the call",
        came=f"{_name(came)}, request_sent={getattr(came, 'request_sent', None)}, may_be_sent={call.may_be_sent}",
        look_at="request_was_sent(error)",
        hint=3,
    )


def test_ex2_no_secret_in_the_error(rng: random.Random) -> None:
    """An error that quotes a header is not shown, neither in the message nor as a cause."""
    secret = _word(rng)
    came, *_ = _exchange(httpx.LocalProtocolError(f"Illegal header value b'Bearer {secret}'"))
    shown = [came, came.__cause__, None if came.__suppress_context__ else came.__context__]
    expect(
        isinstance(came, PermanentError) and not any(secret in str(error) for error in shown),
        expected="a PermanentError without a cause that quotes the header",
        came=" <- ".join(_name(error) for error in shown if error is not None),
        look_at="raise ... from",
        hint=3,
    )


def test_ex2_other_errors_keep_their_cause() -> None:
    """Any other failure keeps the library's error as its cause."""
    error = httpx.ReadError("reset by peer")
    came, *_ = _exchange(error)
    expect(
        came.__cause__ is error,
        expected="the ReadError as __cause__",
        came=_name(came.__cause__),
        look_at="raise ... from",
        hint=3,
    )


def test_ex2_cancellation_passes_and_closes() -> None:
    """A cancelled exchange ends as cancelled, with the answer closed."""
    body = _Body(b"{", 1e6)

    async def main() -> Any:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
        async with httpx.AsyncClient(transport=transport) as http:
            task = asyncio.create_task(exchange(http, _call(), "", timeout_s=30, max_bytes=1_000))
            await asyncio.sleep(5)
            task.cancel()
            return await _ended(task)

    came = virtual_time.run(main())
    expect(
        isinstance(came, asyncio.CancelledError) and body.closed,
        expected="CancelledError, and the answer closed",
        came=f"{_name(came)}, {'closed' if body.closed else 'left open'}",
        look_at="what is caught",
        hint=1,
    )


class _Parts:
    """A gate among parts that note what happens to them, in order."""

    def __init__(self, *, slots: int = 2) -> None:
        self.events: list[str] = []
        self.verdicts: list[Verdict] = []
        self.refuse: dict[str, Exception] = {}
        self.wait_s = 0.0
        self.in_flight = self.most_in_flight = 0
        self.gate = Gate(self, self, self.credentials, max_in_flight=slots, stats=ClientStats())

    def _note(self, event: str) -> None:
        self.events.append(event)
        if event in self.refuse:
            raise self.refuse[event]

    async def enter(self) -> Permit:
        self._note("breaker")
        return Permit(self._report)

    async def _report(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)

    async def acquire(self, tokens: int = 1, *, max_wait_s: float) -> float:
        self._note("limiter")
        await asyncio.sleep(self.wait_s)
        return self.wait_s

    def penalise(self, wait_s: float) -> None:
        pass

    async def credentials(self) -> str:
        self._note("credentials")
        return f"Bearer {len(self.events)}"

    async def make(self, outcome: Any, authorization: str = "") -> httpx.Response:
        self._note("exchange")
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if isinstance(outcome, float):
                await asyncio.sleep(outcome)
                return httpx.Response(200)
            if isinstance(outcome, Exception):
                raise outcome
            return httpx.Response(outcome)
        finally:
            self.in_flight -= 1

    async def send(self, outcome: Any = 200) -> httpx.Response:
        return await self.gate.send(_call(), lambda authorization: self.make(outcome, authorization))


def test_ex3_in_this_order() -> None:
    """Breaker, limiter, credentials, exchange; and the fresh credentials are what the exchange gets."""
    parts = _Parts()
    used: list[str] = []

    async def make(authorization: str) -> httpx.Response:
        used.append(authorization)
        return await parts.make(200)

    came = virtual_time.run(_ended(parts.gate.send(_call(), make)))
    expect(
        parts.events == ["breaker", "limiter", "credentials", "exchange"],
        expected="breaker, limiter, credentials, exchange",
        came=", ".join(parts.events) or _name(came),
        look_at="what a refusal costs in each order",
        hint=3,
    )
    expect(
        used == ["Bearer 3"] and isinstance(came, httpx.Response),
        expected="the exchange's answer, made with the credentials just given",
        came=f"{used}, {_name(came)}",
        look_at="make(authorization)",
        hint=3,
    )


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (200, Verdict.SUCCEEDED),
        (404, Verdict.SUCCEEDED),
        (500, Verdict.FAILED),
        (503, Verdict.FAILED),
        (429, Verdict.ABANDONED),
        (TransientError("reset"), Verdict.FAILED),
        (TransientError("slow", timed_out=True), Verdict.FAILED),
        (CorruptError("no gzip"), Verdict.ABANDONED),
    ],
    ids=str,
)
def test_ex3_one_verdict_each(outcome: Any, verdict: Verdict) -> None:
    """The breaker hears once what the exchange says of the upstream, and the outcome passes through."""
    parts = _Parts()
    came = virtual_time.run(_ended(parts.send(outcome)))
    expect(
        parts.verdicts == [verdict],
        expected=f"one verdict, {verdict!s}, after {_name(outcome)}",
        came=[str(each) for each in parts.verdicts],
        look_at="verdict_of(...)",
        hint=2,
    )
    passed = came is outcome or getattr(came, "status_code", None) == outcome
    expect(
        passed, expected=f"{_name(outcome)}, passed through", came=_name(came), look_at="what is raised again", hint=2
    )


@pytest.mark.parametrize("refused_by", ["limiter", "credentials"])
def test_ex3_what_never_went_says_nothing(refused_by: str) -> None:
    """When limiter or credentials fail, the permit is abandoned: the upstream was never asked."""
    parts = _Parts()
    error = (
        ThrottledError("not before the deadline") if refused_by == "limiter" else TransientError("token server down")
    )
    parts.refuse[refused_by] = error
    came = virtual_time.run(_ended(parts.send()))
    expect(
        came is error and "exchange" not in parts.events,
        expected=f"the {refused_by}'s own error, and no request",
        came=f"{_name(came)}, {parts.events}",
        look_at="what is caught",
        hint=2,
    )
    expect(
        parts.verdicts == [Verdict.ABANDONED],
        expected="one verdict, abandoned: nothing was learnt about the upstream",
        came=[str(each) for each in parts.verdicts],
        look_at="the ways out of the block on which nobody has reported",
        hint=1,
    )


def test_ex3_a_refusal_of_the_breaker_costs_nothing() -> None:
    """An open circuit takes no token, no credentials and no request."""
    parts = _Parts()
    parts.refuse["breaker"] = error = CircuitOpenError("open", retry_after_s=9)
    came = virtual_time.run(_ended(parts.send()))
    expect(
        came is error and parts.events == ["breaker"],
        expected="the CircuitOpenError, with nothing asked after the breaker",
        came=f"{_name(came)} after {parts.events}",
        look_at="which of the parts costs something",
        hint=3,
    )


@pytest.mark.parametrize("waits_in", ["limiter", "exchange"])
def test_ex3_cancellation_abandons(waits_in: str) -> None:
    """A cancelled call says nothing about the upstream, and is cancelled."""
    parts = _Parts()
    parts.wait_s = 100.0 if waits_in == "limiter" else 0.0

    async def main() -> Any:
        task = asyncio.create_task(parts.send(100.0))
        await asyncio.sleep(5)
        task.cancel()
        return await _ended(task)

    came = virtual_time.run(main())
    expect(
        isinstance(came, asyncio.CancelledError) and parts.verdicts == [Verdict.ABANDONED],
        expected=f"CancelledError and one verdict, abandoned, when cancelled in the {waits_in}",
        came=f"{_name(came)}, {[str(each) for each in parts.verdicts]}",
        look_at="who is to blame for a shutdown",
        hint=2,
    )


def test_ex3_no_more_than_the_slots(rng: random.Random) -> None:
    """At most so many are in flight, and the breaker is asked only once a slot is free."""
    slots = rng.randrange(2, 6)
    parts = _Parts(slots=slots)

    async def main() -> tuple[int, float, list[Any]]:
        tasks = [asyncio.create_task(parts.send(10.0)) for _ in range(3 * slots)]
        await asyncio.sleep(5)
        asked = parts.events.count("breaker")
        outcomes = await asyncio.gather(*map(_ended, tasks))
        return asked, CLOCK.time_s(), outcomes

    asked, took_s, outcomes = virtual_time.run(main())
    expect(
        parts.most_in_flight == slots and took_s == pytest.approx(30),
        expected=f"{slots} in flight at most, {3 * slots} calls of 10 s done after 30 s",
        came=f"{parts.most_in_flight} in flight, done after {took_s:g} s: {_name(outcomes[0])}",
        look_at="self.slots",
        hint=3,
    )
    expect(
        asked == slots,
        expected=f"{slots} calls past the breaker while {slots} are in flight",
        came=f"{asked} calls",
        look_at="what the breaker said a minute ago",
        hint=3,
    )


@pytest.mark.parametrize("refused_by", ["breaker", "limiter", "credentials", "exchange"])
def test_ex3_a_slot_comes_back_whatever_happens(refused_by: str) -> None:
    """After any number of failures there are as many slots as before."""
    parts = _Parts(slots=2)
    parts.refuse[refused_by] = TransientError(f"{refused_by} fails")

    async def main() -> Any:
        for _ in range(5):
            await asyncio.wait_for(_ended(parts.send()), 60)
        parts.refuse.clear()
        return await _ended(asyncio.wait_for(parts.send(), 60))

    came = virtual_time.run(_ended(main()))
    expect(
        isinstance(came, httpx.Response),
        expected=f"a call that works, after five that failed at the {refused_by}",
        came=_name(came) or "no free slot",
        look_at="who gives the slot back",
        hint=1,
    )


@pytest.mark.parametrize("waits_in", ["limiter", "exchange"])
def test_ex3_a_slot_comes_back_when_cancelled(waits_in: str) -> None:
    """After any number of cancelled calls there are as many slots as before."""
    parts = _Parts(slots=2)

    async def main() -> Any:
        parts.wait_s = 100.0 if waits_in == "limiter" else 0.0
        for _ in range(5):
            task = asyncio.create_task(parts.send(100.0))
            await asyncio.sleep(1)
            task.cancel()
            await _ended(task)
        parts.wait_s = 0.0
        return await _ended(asyncio.wait_for(parts.send(), 60))

    came = virtual_time.run(_ended(main()))
    expect(
        isinstance(came, httpx.Response),
        expected=f"a call that works, after five that were cancelled in the {waits_in}",
        came=_name(came) or "no free slot",
        look_at="who gives the slot back when nobody waits for the answer any more",
        hint=1,
    )
