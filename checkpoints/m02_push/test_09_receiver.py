"""Lesson m02.09: a 200 is true when it is said, and a stranger gets no more bytes and no more seconds than were meant."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ingestion.errors import ConfigurationError, ContractViolationError, ThrottledError, TransientError
from ingestion.webhooks.connections import HEAD_BYTES, HEAD_S
from ingestion.webhooks.delivery import NOT_STORED, Answer, Delivery, Fate
from ingestion.webhooks.limits import BodyBudget, Limits, RefusedError
from ingestion.webhooks.receiver import HeadGuard, answer_delivery, read_body
from ingestion.webhooks.signatures import Secret
from ingestion.webhooks.verifier import Verifier
from workbook import virtual_time
from workbook.grading import expect
from workbook.providers.webhook_load import raw_request
from workbook.providers.webhook_sender import SECRETS
from workbook.virtual_time import STARTED_AT

VERIFIER = Verifier.of("stripe", [Secret(SECRETS["stripe"].encode())], clock=lambda: STARTED_AT)


def signed(body: bytes, *, age_s: float = 0, provider: str = "stripe") -> tuple[list[tuple[bytes, bytes]], bytes]:
    head, _, body = raw_request(provider, body, now=STARTED_AT - timedelta(seconds=age_s)).partition(b"\r\n\r\n")
    pairs = (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return [(name.lower(), value) for name, value in pairs], body


class Store:
    """A `submit` that notes what it was given, and does what it is told."""

    def __init__(self, does: Fate | BaseException = Fate.ACCEPTED) -> None:
        self.does = does
        self.given: list[Delivery] = []
        self.has_committed = False
        self.takes_s = 0.5

    async def __call__(self, delivery: Delivery) -> Fate:
        self.given.append(delivery)
        await asyncio.sleep(self.takes_s)
        if isinstance(self.does, BaseException):
            raise self.does
        self.has_committed = True
        return self.does


def header(answer: Answer, name: bytes) -> bytes | None:
    given: Any = answer.start["headers"]
    return dict(given).get(name)


def answered(body: bytes, store: Store, *, sent: bytes | None = None, age_s: float = 0) -> Answer:
    headers, body = signed(body, age_s=age_s)
    return virtual_time.run(answer_delivery(VERIFIER, headers, body if sent is None else sent, store))


def test_ex1_two_hundred_comes_after_the_commit(rng: random.Random) -> None:
    """The answer to a delivery is made when `submit` has returned, with the body in the bytes that were signed."""
    body, store = b'{"id": "evt_%d"}' % rng.randrange(10**9), Store()
    answer = answered(body, store)
    expect(
        answer.status == 200 and store.has_committed,
        expected="a 200 after submit has returned",
        came=f"{answer.status}, {'after' if store.has_committed else 'before'} that",
        look_at="whether submit is awaited",
        hint=1,
    )
    expect(
        [given.body for given in store.given] == [body],
        expected="one delivery with the raw body",
        came=[given.body for given in store.given],
        look_at="what is handed to submit",
        hint=1,
    )


def test_ex1_no_answer_is_made_up_while_it_takes_long() -> None:
    """A commit that takes a minute is a 200 after a minute: nobody knows better than *submit*, which has its own deadline."""
    store = Store()
    store.takes_s = 60
    answer = answered(b'{"id": "evt_1"}', store)
    expect(
        answer.status == 200 and store.has_committed,
        expected="a 200 after the 60 s that submit took",
        came=f"{answer.status}, {'after' if store.has_committed else 'before'} submit has returned",
        look_at="a time-out around submit: what is stored meanwhile is answered wrongly",
        hint=1,
    )


@pytest.mark.parametrize("fate", list(Fate))
def test_ex1_whatever_is_stored_is_a_200(fate: Fate) -> None:
    """Accepted, duplicate, parked: none of them gets better by being sent again."""
    answer = answered(b'{"id": "evt_1"}', Store(fate))
    expect(
        (answer.status, answer.end["body"]) == (200, b'{"status":"%b"}' % fate.encode()),
        expected=f'200 and {{"status":"{fate}"}}',
        came=f"{answer.status} and {answer.end['body']!r}",
        look_at="what a sender does with any other status",
        hint=1,
    )


@pytest.mark.parametrize(
    ("sent", "age_s"), [(b'{"id":"evt_1"}', 0), (b"", 0), (None, 301)], ids=["spelled anew", "emptied", "too old"]
)
def test_ex1_what_is_not_signed_is_not_stored(sent: bytes | None, age_s: float) -> None:
    """A refusal of the verifier has its status and reason, and nothing is submitted."""
    store = Store()
    answer = answered(b'{"id": "evt_1"}', store, sent=sent, age_s=age_s)
    expect(not store.given, expected="nothing submitted", came=store.given, look_at="the order of the two", hint=1)
    headers, body = signed(b'{"id": "evt_1"}')
    twice = virtual_time.run(answer_delivery(VERIFIER, [*headers, *headers], body, store))
    expect(
        twice.status == 400 and not store.given,
        expected="the verifier's 400 for a signature that is given twice",
        came=f"{twice.status}, {len(store.given)} submitted",
        look_at="where the status comes from",
        hint=2,
    )
    expect(
        answer.status == 401 and b'"error"' in bytes(answer.end["body"]),  # type: ignore[arg-type]
        expected="401 with the verifier's reason as error",
        came=f"{answer.status} {answer.end['body']!r}",
        look_at="the fields of Refused",
        hint=2,
    )


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (TransientError("db-7.internal refused"), b"1"),
        (TransientError("db-7.internal refused", retry_after_s=2.2), b"3"),
        (TransientError("db-7.internal refused", retry_after_s=0.0), b"1"),
        (ThrottledError("db-7.internal refused", retry_after_s=17.0), b"17"),
        (ConfigurationError("db-7.internal has no table"), b"1"),
        (ContractViolationError("db-7.internal refuses row 7"), b"1"),
    ],
    ids=["transient", "a fraction", "zero", "throttled", "configuration", "contract"],
)
def test_ex1_what_was_not_stored_comes_again(error: Exception, seconds: bytes) -> None:
    """Whatever error of this package keeps a delivery from being stored is a 503 with `Retry-After` in whole seconds."""
    store = Store(error)
    answer = answered(b'{"id": "evt_1"}', store)
    expect(
        len(store.given) == 1,
        expected="one submit: the sender tries again, and is told when",
        came=f"{len(store.given)}",
        look_at="who retries",
        hint=1,
    )
    expect(
        (answer.status, header(answer, b"retry-after")) == (503, seconds),
        expected=f"503, Retry-After: {seconds.decode()}, for {error!r}",
        came=f"{answer.status}, Retry-After: {header(answer, b'retry-after')!r}",
        look_at="which errors are caught, and how seconds become whole",
        hint=2,
    )


def test_ex1_a_stranger_learns_nothing_of_the_inside() -> None:
    """A 503 says that nothing was stored, and not why: the error may name hosts and rows."""
    answer = answered(b'{"id": "evt_1"}', Store(TransientError("db-7.internal: role ingest is not permitted")))
    expect(
        answer.end["body"] == b'{"error":"%b"}' % NOT_STORED.encode(),
        expected=f'{{"error":"{NOT_STORED}"}}',
        came=f"{answer.end['body']!r}",
        look_at="what of the error goes into the answer",
        hint=1,
    )


def test_ex1_a_challenge_is_given_back(rng: random.Random) -> None:
    """Slack's signed question is answered with its challenge and stored nowhere; an unsigned one is refused."""
    for challenge in (rng.randbytes(12).hex(), ""):
        is_given_back(challenge)


def is_given_back(challenge: str) -> None:
    body = b'{"type": "url_verification", "challenge": "%b"}' % challenge.encode()
    verifier = Verifier.of("slack", [Secret(SECRETS["slack"].encode())], clock=lambda: STARTED_AT)
    for sent, wanted in ((body, (200, b'{"challenge":"%b"}' % challenge.encode())), (body + b" ", (401, None))):
        store, (headers, _) = Store(), signed(body, provider="slack")
        answer = virtual_time.run(answer_delivery(verifier, headers, sent, store))
        came = (answer.status, answer.end["body"] if answer.status == 200 else None)
        expect(
            came == wanted and not store.given,
            expected=f"{wanted[0]} and {wanted[1]!r}, and nothing submitted",
            came=f"{answer.status} and {answer.end['body']!r}, {len(store.given)} submitted",
            look_at="challenge_of, when it is asked, and what None means",
            hint=2,
        )
        label = "challenge" if wanted[0] == 200 else "401"
        expect(
            answer.label == label,
            expected=f"an answer that is counted as {label!r}",
            came=answer.label,
            look_at="label",
            hint=2,
        )


@pytest.mark.parametrize("error", [KeyError("id"), asyncio.CancelledError()], ids=["a bug", "a cancellation"])
def test_ex1_bugs_and_cancellations_are_let_out(error: BaseException) -> None:
    """What is not this package's own error is not dressed up as one."""
    try:
        came: object = answered(b'{"id": "evt_1"}', Store(error)).status
    except type(error) as raised:
        came = raised
    expect(
        isinstance(came, type(error)),
        expected=f"{type(error).__name__} to come out",
        came=came,
        look_at="the width of the except clause",
        hint=2,
    )


Message = dict[str, Any]


class Sender:
    """A `receive` that hands out pieces, one in so many seconds, and counts what it was asked for."""

    def __init__(
        self, pieces: list[bytes], *, every_s: float = 0.0, hangs_up: bool = False, bare: bool = False
    ) -> None:
        self.left = [
            {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1 or hangs_up}
            for place, piece in enumerate(pieces)
        ]
        if hangs_up:
            self.left.append({"type": "http.disconnect"})
        if bare:
            self.left = [{"type": "http.request"}]
        self.given = 0
        self.every_s = every_s

    async def __call__(self) -> Message:
        await asyncio.sleep(self.every_s)
        message = self.left.pop(0)
        self.given += len(message.get("body", b""))
        return message


class Budget(BodyBudget):
    """Remembers the most that was taken at once."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.whole = self.least = self.left

    def take(self, count: int) -> None:
        super().take(count)
        self.least = min(self.least, self.left)


LIMITS = Limits(body_bytes=1_000, body_s=8.0, reading_bytes=5_000)


def read(sender: Sender, limits: Limits = LIMITS, budget: BodyBudget | None = None) -> bytes | int:
    """Give the body, or the status of the refusal."""

    async def main() -> bytes | int:
        try:
            return await read_body(sender, limits, budget or BodyBudget(limits))
        except RefusedError as refused:
            return refused.answer.status

    return virtual_time.run(main())


def cut(rng: random.Random, body: bytes, pieces: int) -> list[bytes]:
    marks = sorted(rng.randrange(len(body) + 1) for _ in range(pieces - 1))
    return [body[begin:end] for begin, end in zip([0, *marks], [*marks, len(body)], strict=True)]


def test_ex2_a_body_is_what_was_sent(rng: random.Random) -> None:
    """However it is cut, also into empty pieces, and also when there is none."""
    for size in (0, 1, 999, 1_000):
        body = rng.randbytes(size)
        for pieces in (1, 2, 7, 40):
            came = read(Sender(cut(rng, body, pieces)))
            expect(
                came == body and type(came) is bytes,
                expected=f"the {size} bytes that came in {pieces} pieces",
                came=came if type(came) in (bytes, int) else type(came),
                look_at="when the last piece has come, at the limit itself, and at the type that is promised",
                hint=2,
            )
    bare = read(Sender([], bare=True))
    expect(
        bare == b"",
        expected="an empty body for a message without keys",
        came=bare,
        look_at="the missing keys",
        hint=2,
    )


@pytest.mark.parametrize("pieces", [1, 2, 30])
def test_ex2_too_large_is_413(rng: random.Random, pieces: int) -> None:
    """One byte more than the limit is too much, in one piece or in many."""
    came = read(Sender(cut(rng, rng.randbytes(1_001), pieces)))
    expect(
        came == 413,
        expected=f"413 for 1,001 bytes in {pieces} pieces, at a limit of 1,000",
        came=came,
        look_at="whether each way out of the loop has compared the size",
        hint=2,
    )


def test_ex2_an_endless_body_is_not_read_to_its_end() -> None:
    """No piece is asked for once the limit is passed."""
    sender = Sender([bytes(300)] * 1_000)
    came = read(sender)
    expect(
        came == 413 and sender.given == 1_200,
        expected="413 after 1,200 bytes of 300,000",
        came=f"{came} after {sender.given}",
        look_at="when the size is compared",
        hint=2,
    )


@pytest.mark.parametrize("every_s", [3.0, 7.9])
def test_ex2_the_deadline_is_for_the_whole_body(every_s: float) -> None:
    """Bytes that trickle in buy no time."""

    async def main() -> tuple[object, float]:
        sender, loop = Sender([b"x"] * 500, every_s=every_s), asyncio.get_running_loop()
        try:
            came: object = await read_body(sender, LIMITS, BodyBudget(LIMITS))
        except RefusedError as refused:
            came = refused.answer.status
        return came, loop.time()

    came, at_s = virtual_time.run(main())
    expect(
        came == 408 and at_s == 8.0,
        expected="408 after 8 s",
        came=f"{came} after {at_s:g} s",
        look_at="what the time-out stands around",
        hint=2,
    )


def test_ex2_slow_but_in_time_is_fine() -> None:
    """A body that is complete before the deadline is taken."""
    came = read(Sender([b"ab", b"cd"], every_s=3.9))
    expect(came == b"abcd", expected="b'abcd', complete after 7.8 s of 8", came=came, look_at="the deadline", hint=2)


@pytest.mark.parametrize("pieces", [[], [b"x"], [b"x", b"y"]], ids=len)
def test_ex2_a_sender_that_hangs_up_is_400(pieces: list[bytes]) -> None:
    """What has come by then is not taken for a body."""
    sender = Sender(pieces, hangs_up=True)
    came = read(sender)
    expect(
        came == 400,
        expected=f"400 when the sender hangs up after {len(pieces)} pieces",
        came=came,
        look_at="the type of each message",
        hint=2,
    )


@pytest.mark.parametrize(
    "sender",
    [
        lambda: Sender([b"x" * 300] * 3),
        lambda: Sender([b"x" * 300] * 9),
        lambda: Sender([b"x"] * 90, every_s=1.0),
        lambda: Sender([b"x" * 400, b"y"], hangs_up=True),
    ],
    ids=["read", "too large", "too slow", "hung up"],
)
def test_ex2_the_budget_is_given_back(sender: Callable[[], Sender]) -> None:
    """However the reading ends; while it lasts, its pieces are counted."""
    budget = Budget(LIMITS)
    read(sender(), LIMITS, budget)
    expect(
        budget.least < budget.whole,
        expected="a body in pieces to be counted while it is read",
        came="nothing taken from the budget",
        look_at="budget.take",
        hint=2,
    )
    expect(
        budget.left == budget.whole,
        expected=f"{budget.whole} bytes left in the budget at the end",
        came=budget.left,
        look_at="the ways out of the function",
        hint=2,
    )


def test_ex2_a_cancelled_reading_gives_back_too() -> None:
    """The server stops, and the task is cancelled in the middle."""
    budget = Budget(LIMITS)

    async def main() -> None:
        task = asyncio.ensure_future(read_body(Sender([b"x" * 100] * 9, every_s=1.0), LIMITS, budget))
        await asyncio.sleep(3.5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    virtual_time.run(main())
    expect(
        budget.least < budget.left == budget.whole,
        expected=f"some taken, and {budget.whole} left after the cancellation",
        came=f"{budget.least} at the least, {budget.left} at the end",
        look_at="finally",
        hint=2,
    )


def test_ex2_many_large_bodies_at_once_are_turned_away() -> None:
    """What all bodies under way hold together is bounded; those in one piece are not counted."""
    limits = Limits(body_bytes=1_000, body_s=60.0, reading_bytes=2_000)
    budget = BodyBudget(limits)

    async def one(number: int) -> object:
        try:
            return len(await read_body(Sender([b"x" * 90] * 10, every_s=1.0 + number / 100), limits, budget))
        except RefusedError as refused:
            return refused.answer.status

    async def main() -> list[object]:
        return list(await asyncio.gather(*(one(number) for number in range(10))))

    came = virtual_time.run(main())
    expect(
        came.count(900) >= 1 and came.count(503) >= 1 and set(came) == {900, 503},
        expected="some bodies read and the others 503, of ten with 900 bytes each on a budget of 2,000",
        came=came,
        look_at="budget.take before a piece is kept",
        hint=2,
    )
    expect(
        budget.left == limits.reading_bytes,
        expected=f"{limits.reading_bytes} bytes left in the budget when all have ended",
        came=budget.left,
        look_at="what is given back after budget.take has raised: it took nothing",
        hint=2,
    )
    budget.left = 100
    last = read(Sender([b"x" * 90, b"y" * 90]), limits, budget)
    expect(
        last == 503 and budget.left == 100,
        expected="503 for a second piece of 90 bytes on a budget of 100, though it is the last one",
        came=f"{last}, {budget.left} left in the budget",
        look_at="which pieces are counted",
        hint=2,
    )
    budget.left = 0
    whole = read(Sender([b"in one piece"]), limits, budget)
    expect(
        whole == b"in one piece",
        expected="a body in one piece, whatever is left in the budget",
        came=whole,
        look_at="what is taken for a body that is complete at once",
        hint=2,
    )


class Wire(asyncio.Transport):
    """Notes what is said, and when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.closed_s: float | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self.closed_s is not None

    def write(self, data: Any) -> None:
        self.said += bytes(data)

    def close(self) -> None:
        if self.closed_s is None:
            self.closed_s = asyncio.get_running_loop().time()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Bodies:
    """An application that reads each body, takes its time, and answers 200."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.sizes: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size = 0
        while (message := await receive())["type"] == "http.request":
            size += len(message["body"])
            if not message["more_body"]:
                break
        self.sizes.append(size)
        await asyncio.sleep(self.takes_s)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def connected(base: type[asyncio.Protocol], app: Bodies) -> tuple[Any, Wire]:
    """Give a guarded protocol of uvicorn's, connected, and its wire."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_keep_alive=60, access_log=False)
    config.load()
    protocol = type("Guarded", (HeadGuard, base), {})(config=config, server_state=ServerState(), app_state={})
    wire = Wire()
    protocol.connection_made(wire)
    return protocol, wire


both = pytest.mark.parametrize("base", [HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
HEAD = b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(scenario())


@both
@pytest.mark.parametrize("every_s", [0.5, 3.0, 7.0])
def test_ex3_a_trickled_head_is_cut_off(base: type[asyncio.Protocol], every_s: float) -> None:
    """Bytes buy no time: the clock runs from the opening of the connection, and once."""

    async def main() -> None:
        protocol, wire = connected(base, Bodies())
        for byte in HEAD % 0:
            if wire.is_closing():
                break
            protocol.data_received(bytes([byte]))
            await asyncio.sleep(every_s)
        expect(
            wire.closed_s == HEAD_S and wire.said.startswith(b"HTTP/1.1 408"),
            expected=f"408 and the end after {HEAD_S:g} s",
            came=f"{wire.said[:20]!r}, closed after {wire.closed_s} s",
            look_at="when the clock is started again",
            hint=3,
        )

    run(main)


@both
def test_ex3_a_body_has_another_deadline(base: type[asyncio.Protocol], rng: random.Random) -> None:
    """The clock stops at the end of the head: body and answer may take their time, in whatever pieces the body comes."""

    async def main() -> None:
        app = Bodies(takes_s=20)
        protocol, wire = connected(base, app)
        request = HEAD % 5_000 + bytes(5_000)
        marks = sorted(rng.sample(range(len(HEAD % 5_000) + 1, len(request) - 1), 3))
        for begin, end in zip([0, *marks], [*marks, len(request)], strict=True):
            protocol.data_received(request[begin:end])
            await asyncio.sleep(4)
        await asyncio.sleep(30)
        expect(
            app.sizes == [5_000] and wire.said.startswith(b"HTTP/1.1 200") and wire.closed_s is None,
            expected="200 for a body that took 12 s, and the connection still open",
            came=f"{wire.said[:20]!r}, closed after {wire.closed_s} s",
            look_at="what stops the clock, and what the last piece of a body is taken for",
            hint=2,
        )

    run(main)


@both
def test_ex3_a_large_body_is_no_head(base: type[asyncio.Protocol]) -> None:
    """Bytes of a body are not counted as bytes of a head, not even its last piece."""

    async def main() -> None:
        app = Bodies()
        protocol, wire = connected(base, app)
        size = 8 * HEAD_BYTES
        protocol.data_received(HEAD % size)
        for _ in range(4):
            protocol.data_received(bytes(size // 4))
            await asyncio.sleep(0.01)
        for _ in range(3):
            protocol.data_received(HEAD % 0)
            await asyncio.sleep(0.01)
        expect(
            app.sizes == [size, 0, 0, 0] and wire.said.count(b"200 OK") == 4,
            expected=f"a body of {size} bytes and three more requests, all answered 200",
            came=f"{app.sizes}, {wire.said[:30]!r}",
            look_at="when cycle.more_body is looked at",
            hint=2,
        )

    run(main)


def test_ex3_an_endless_head_is_cut_off_by_its_size() -> None:
    """More than the limit without an end is 431, and at most one piece over it was taken."""

    async def main() -> None:
        protocol, wire = connected(HttpToolsProtocol, Bodies())
        sent = 0
        protocol.data_received(b"POST /webhooks/stripe HTTP/1.1\r\n")
        while sent < 4 * HEAD_BYTES and not wire.is_closing():
            line = b"X-%d: " % sent + b"y" * 1_000 + b"\r\n"
            protocol.data_received(line)
            sent += len(line)
        expect(
            wire.said.startswith(b"HTTP/1.1 431") and sent <= HEAD_BYTES + 1_100,
            expected=f"431 after {HEAD_BYTES} bytes of a head",
            came=f"{wire.said[:20]!r} after {sent}",
            look_at="where the bytes are counted",
            hint=3,
        )

    run(main)


def test_ex3_the_limit_itself_is_fine() -> None:
    """A head may have as many bytes as the limit, and not one more."""

    async def main() -> None:
        for size, wanted in ((HEAD_BYTES, b""), (HEAD_BYTES + 1, b"HTTP/1.1 431")):
            protocol, wire = connected(HttpToolsProtocol, Bodies())
            start = b"POST /webhooks/stripe HTTP/1.1\r\nX: "
            protocol.data_received(start)
            protocol.data_received(b"y" * (size - len(start)))
            expect(
                wire.said.startswith(wanted) and bool(wire.said) == bool(wanted),
                expected=f"{wanted.decode() or 'nothing said'} after {size} bytes of a head, at a limit of {HEAD_BYTES}",
                came=f"{wire.said[:20]!r}",
                look_at="> or >=",
                hint=3,
            )

    run(main)


@both
def test_ex3_a_head_may_be_cut_anywhere(base: type[asyncio.Protocol]) -> None:
    """A head that ends in the middle of its empty line has ended all the same: its clock stops."""

    async def main() -> None:
        for left in (1, 2, 3):
            app = Bodies(takes_s=20)
            protocol, wire = connected(base, app)
            protocol.data_received((HEAD % 0)[:-left])
            await asyncio.sleep(1)
            protocol.data_received((HEAD % 0)[-left:])
            await asyncio.sleep(30)
            expect(
                wire.said.startswith(b"HTTP/1.1 200") and not wire.is_closing(),
                expected=f"200 after 20 s, for a head whose last {left} bytes came by themselves",
                came=f"{wire.said[:20]!r}, closed after {wire.closed_s} s",
                look_at="how the end of a head is told: self.cycle knows, the bytes of one piece do not",
                hint=3,
            )

    run(main)


@both
def test_ex3_heads_are_counted_one_by_one(base: type[asyncio.Protocol]) -> None:
    """A thousand small heads on one connection are no large one."""

    async def main() -> None:
        app = Bodies()
        protocol, wire = connected(base, app)
        half = len(HEAD % 0) // 2
        count = HEAD_BYTES // half + 10
        for _ in range(count):
            protocol.data_received((HEAD % 0)[:half])
            protocol.data_received((HEAD % 0)[half:])
            await asyncio.sleep(0.001)
        expect(
            len(app.sizes) == count and not wire.is_closing(),
            expected=f"{count} requests answered",
            came=f"{len(app.sizes)}, closed: {wire.is_closing()}",
            look_at="what a complete head leaves behind",
            hint=3,
        )

    run(main)


@both
def test_ex3_the_second_request_has_a_clock_too(base: type[asyncio.Protocol]) -> None:
    """Of a further request the clock runs from its first byte."""

    async def main() -> None:
        protocol, wire = connected(base, Bodies())
        protocol.data_received(HEAD % 0)
        await asyncio.sleep(20)
        for byte in HEAD % 0:
            if wire.is_closing():
                break
            protocol.data_received(bytes([byte]))
            await asyncio.sleep(1)
        expect(
            wire.closed_s is not None and HEAD_S + 20 <= wire.closed_s <= HEAD_S + 20.5,
            expected=f"the end {HEAD_S:g} s after the second request's first byte",
            came="still open" if wire.closed_s is None else f"after {wire.closed_s - 20:g} s",
            look_at="the branch for a head that goes on",
            hint=3,
        )

    run(main)


@both
def test_ex3_nothing_said_is_closed_without_a_word(base: type[asyncio.Protocol]) -> None:
    """A connection on which nothing ever came costs 8 s; one that has been served is uvicorn's to close."""

    async def main() -> None:
        protocol, silent = connected(base, Bodies())
        other, served = connected(base, Bodies())
        other.data_received(HEAD % 0)
        await asyncio.sleep(30)
        expect(
            (silent.closed_s, silent.said, served.closed_s) == (HEAD_S, b"", None),
            expected=f"the silent one closed after {HEAD_S:g} s, the served one open",
            came=f"silent {silent.closed_s}, served {served.closed_s}",
            look_at="what a complete head does to the clock",
            hint=3,
        )
        protocol.connection_lost(None)

    run(main)
