"""Lesson m02.11: a producer that keeps its promise, reports on every message, and finds the one that a broker meant."""

import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from ingestion.errors import ConfigurationError
from ingestion.outbox.message import Message, Outcome
from ingestion.outbox.producer import REFUSED_ALONE, REFUSED_IN_A_GROUP, Reports, producer_settings, send, settle
from workbook.grading import expect


def test_ex1_the_promise_is_in_the_settings(rng: random.Random) -> None:
    """All in-sync replicas, idempotent, no gaps, the given servers, and a logger."""
    servers = f"broker{rng.randrange(100)}:9092"
    came = producer_settings(servers, {})
    expect(came.get("bootstrap.servers") == servers, expected=f"bootstrap.servers {servers}", came=came)
    promise = {"acks": "all", "enable.idempotence": True, "enable.gapless.guarantee": True}
    for name, wanted in promise.items():
        expect(
            came.get(name) == wanted, expected=f"{name} = {wanted}", came=came.get(name), look_at="_SETTINGS", hint=2
        )
    expect("logger" in came, expected="this module's logger as `logger`", came=sorted(came))


def test_ex1_what_callers_add_wins(rng: random.Random) -> None:
    """Security, compression, sizes, even the gapless guarantee: everything but the promise itself."""
    more: dict[str, Any] = {
        "compression.type": rng.choice(["zstd", "lz4"]),
        "linger.ms": rng.randrange(5, 100),
        "message.max.bytes": 10_000_000,
        "enable.gapless.guarantee": False,
        "transactional.id": "relay",
        "bootstrap.servers": "another:9092",
        "logger": object(),
    }
    came = producer_settings("b:9092", more)
    wrong = {name: came.get(name) for name, value in more.items() if came.get(name) != value}
    expect(not wrong, expected=f"{ {name: more[name] for name in wrong} }", came=wrong, look_at="which of two wins")
    again = producer_settings("b:9092", {})
    expect(
        "transactional.id" not in again,
        expected="the next producer's settings without what this one added",
        came="they are still there",
        look_at="whether a shared mapping was changed",
    )


@pytest.mark.parametrize(
    "more",
    [{"acks": "all"}, {"acks": -1}, {"acks": "-1"}, {"request.required.acks": "-1"}, {"acks": "ALL"}]
    + [{"enable.idempotence": value} for value in (True, "true", "True", "1", 1)],
    ids=str,
)
def test_ex1_other_spellings_of_the_promise_are_fine(more: dict[str, Any]) -> None:
    """All is also -1, and true is also 1 or text."""
    try:
        came: object = producer_settings("b:9092", more)
    except ConfigurationError as error:
        came = repr(error)
    expect(isinstance(came, dict), expected=f"no objection to {more}", came=came, look_at="text and numbers", hint=2)


@pytest.mark.parametrize(
    "more",
    [{"acks": value} for value in (1, "1", 0, "0")]
    + [{"request.required.acks": value} for value in (1, "0")]
    + [{"enable.idempotence": value} for value in (False, "false", "False", "0", 0, "f")],
    ids=str,
)
def test_ex1_nobody_weakens_the_promise(more: dict[str, Any]) -> None:
    """Fewer acknowledgements, or no idempotence, are refused, by the setting's name."""
    [name] = more
    try:
        came: object = producer_settings("b:9092", {"linger.ms": 5, **more})
        said = ""
    except ConfigurationError as error:
        came, said = "ConfigurationError", str(error)
    expect(
        came == "ConfigurationError" and name in said,
        expected=f"ConfigurationError that names {name}, for {more}",
        came=said or came,
        look_at="how a value from the environment is spelled",
        hint=2,
    )


class FakeProducer:
    """A producer without a broker: a queue of limited size, and for each message a fate.

    A fate is an error code to report (0: delivered), an exception that `produce` raises, or "silent".
    """

    def __init__(self, fates: Mapping[bytes, Any], room: int = 1_000, takes_ms: int = 0) -> None:
        self.fates, self.room, self.takes_ms = fates, room, takes_ms
        self.queue: deque[tuple[bytes, Callable[[Any, Any], None]]] = deque()
        self.accepted: list[tuple[str, bytes, bytes, Any]] = []
        self.now_ms = 0
        self.fatal: KafkaException | None = None
        self.asked_after_end = 0

    def produce(self, topic: str, value: bytes, key: bytes, *rest: Any, **more: Any) -> None:
        deliver = more.get("on_delivery") or more.get("callback")
        self.now_ms += self.takes_ms
        fate = self.fates.get(value, 0)
        if isinstance(fate, Exception):
            raise fate
        if len(self.queue) >= self.room:
            raise BufferError("Local: Queue full")
        assert deliver is not None, "produce() was called without a delivery callback"
        self.queue.append((value, deliver))
        self.accepted.append((topic, key, value, more.get("headers")))

    def poll(self, timeout: float = 0) -> int:
        self.now_ms += 1
        return self._serve(3)

    def flush(self, timeout: float = -1) -> int:
        if timeout < 0 or timeout > 1:
            raise AssertionError(f"flush({timeout}) waits longer than a caller may want: use short ones")
        self.now_ms += int(timeout * 1000)
        if self.fatal is not None:
            raise self.fatal
        self._serve(7)
        return len(self.queue)

    def _serve(self, most: int) -> int:
        silent = deque()
        served = 0
        while self.queue and served < most:
            value, deliver = self.queue.popleft()
            fate = self.fates.get(value, 0)
            if fate == "silent":
                silent.append((value, deliver))
                continue
            deliver(KafkaError(fate) if fate else None, None)
            served += 1
        self.queue.extendleft(reversed(silent))
        return served

    def __len__(self) -> int:
        return len(self.queue)


class Forgetful(FakeProducer):
    """Loses what it was given, as one that was purged: it has nothing to report on."""

    def _serve(self, most: int) -> int:
        self.queue.clear()
        return 0


def a_batch(count: int) -> dict[int, Message]:
    return {n: Message("t", b"k%d" % (n % 3), b"%d" % n, [("event_id", b"%d" % n)]) for n in range(count)}


def seconds(producer: FakeProducer, limit_s: float = 60) -> Callable[[], bool]:
    return lambda: producer.now_ms < limit_s * 1000


def summary(reports: Reports) -> tuple[list[int], list[int], list[int]]:
    return sorted(reports.pending), sorted(reports.failed), sorted(reports.refused)


def do(producer: FakeProducer, messages: Mapping[int, Message], limit_s: float = 60) -> Reports:
    try:
        reports: object = send(producer, messages, seconds(producer, limit_s))  # type: ignore[arg-type]
    except (KafkaException, BufferError) as error:
        reports = f"{type(error).__name__} came out"
    expect(
        isinstance(reports, Reports), expected="the reports, whatever happened", came=reports, look_at="except", hint=3
    )
    assert isinstance(reports, Reports)
    return reports


def test_ex2_all_is_handed_over_in_order_and_reported(rng: random.Random) -> None:
    """Topic, key, value and headers, once each, in order; then every report is waited for."""
    messages = a_batch(rng.randrange(20, 60))
    for place, topic in ((3, "z"), (5, "a"), (7, "z"), (11, "a")):
        messages[place] = Message(topic, b"k", b"to %d" % place, {})
    messages[13] = Message("t", b"a tombstone", None, {})
    producer = FakeProducer({})
    reports = do(producer, messages)
    wanted = [(m.topic, m.key, m.value, m.headers) for m in messages.values()]
    expect(
        producer.accepted == wanted,
        expected=f"{len(wanted)} messages as they are, in order, to the topics {[topic for topic, *_ in wanted][:14]}",
        came=[m for m in producer.accepted if m not in wanted][:2] or [topic for topic, *_ in producer.accepted][:14],
        look_at="what is sorted, and what becomes of a value of None: it is a tombstone, and empty bytes are none",
    )
    expect(
        summary(reports) == ([], [], []),
        expected="nothing pending, failed or refused",
        came=summary(reports),
        look_at="how long is waited",
        hint=3,
    )


def test_ex2_each_message_gets_its_own_report(rng: random.Random) -> None:
    """A failed one is named by its index, and it is the right one."""
    messages = {n + 100: m for n, m in a_batch(30).items()}
    bad, lost = rng.sample(range(30), 2)
    fates = {b"%d" % bad: KafkaError.TOPIC_AUTHORIZATION_FAILED, b"%d" % lost: KafkaError.TOPIC_EXCEPTION}
    reports = do(FakeProducer(fates), messages)
    wanted = ([], [bad + 100], [lost + 100])
    expect(
        summary(reports) == wanted,
        expected=f"pending, failed, refused: {wanted}",
        came=summary(reports),
        look_at="what the callback knows of its message (a lambda in a loop sees the last one)",
        hint=3,
    )


def test_ex2_a_full_queue_is_waited_for(rng: random.Random) -> None:
    """BufferError loses nothing, doubles nothing, and does not change the order."""
    messages = a_batch(50)
    producer = FakeProducer({}, room=rng.randrange(2, 6))
    reports = do(producer, messages)
    came = [int(value) for _, _, value, _ in producer.accepted]
    expect(
        came == list(range(50)),
        expected="0 to 49, once each, in order, through a queue with little room",
        came=came,
        look_at="what happens to the message that met a full queue",
        hint=2,
    )
    expect(summary(reports) == ([], [], []), expected="all delivered", came=summary(reports), hint=3)


def test_ex2_what_the_client_refuses_is_refused_and_the_rest_goes_on(rng: random.Random) -> None:
    """Too large for the client: it was never sent, so the ones behind it may go."""
    bad = rng.randrange(5, 25)
    fates = {b"%d" % bad: KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))}
    producer = FakeProducer(fates)
    reports = do(producer, a_batch(30))
    expect(
        summary(reports) == ([], [], [bad]) and len(producer.accepted) == 29,
        expected=f"{bad} refused, the other 29 delivered",
        came=(summary(reports), len(producer.accepted)),
        look_at="the code of the exception's error",
        hint=3,
    )


@pytest.mark.parametrize("code", [KafkaError._FATAL, KafkaError._STATE, KafkaError._ALL_BROKERS_DOWN])
def test_ex2_nothing_is_sent_behind_one_that_was_not_handed_over(rng: random.Random, code: int) -> None:
    """Any other exception of produce ends it: that message and those behind it stay pending, and `said` says why."""
    at = rng.randrange(5, 25)
    producer = FakeProducer({b"%d" % at: KafkaException(KafkaError(code))})
    reports = do(producer, a_batch(30))
    came = [int(value) for _, _, value, _ in producer.accepted]
    expect(
        came == list(range(at)),
        expected=f"0 to {at - 1} handed over, and nothing behind",
        came=came,
        look_at="what overtakes what",
        hint=1,
    )
    expect(set(range(at, 30)) <= reports.pending, expected=f"{at} to 29 pending", came=summary(reports), hint=2)
    expect(reports.said != "", expected="what the client said, in `said`", came=reports.said)


def test_ex2_a_fatal_flush_is_noted(rng: random.Random) -> None:
    """What flush raises does not come out: the reports are wanted more than ever."""
    producer = FakeProducer({})
    producer.fatal = KafkaException(KafkaError(KafkaError._FATAL))
    reports = do(producer, a_batch(rng.randrange(3, 9)))
    expect(
        len(reports.pending) > 0 and reports.said != "",
        expected="all pending, and the reason in `said`",
        came=(summary(reports), reports.said),
        hint=3,
    )


def test_ex2_time_is_asked_for(rng: random.Random) -> None:
    """A silent broker is not waited for longer than there is time, and a slow hand-over stops."""
    silent = FakeProducer({b"%d" % n: "silent" for n in (3, 7)})
    reports = do(silent, a_batch(10), limit_s=2)
    expect(
        summary(reports) == ([3, 7], [], []) and silent.now_ms < 2_500,
        expected="3 and 7 pending after 2 s",
        came=(summary(reports), f"{silent.now_ms / 1000} s"),
        look_at="has_time",
        hint=3,
    )
    forgetful = Forgetful({})
    reports = do(forgetful, a_batch(10), limit_s=60)
    expect(
        len(reports.pending) == 10 and forgetful.now_ms < 1_000,
        expected="10 pending at once: the producer has nothing left to report on",
        came=(len(reports.pending), f"{forgetful.now_ms / 1000} s"),
        look_at="len(producer)",
        hint=3,
    )
    full = FakeProducer({b"%d" % n: "silent" for n in range(100)}, room=5)
    reports = do(full, a_batch(100), limit_s=1)
    expect(
        len(reports.pending) == 100 and full.now_ms < 1_500,
        expected="100 pending after 1 s behind a queue that stays full",
        came=(len(reports.pending), f"{full.now_ms / 1000} s"),
        look_at="the loop around BufferError",
        hint=3,
    )
    slow = FakeProducer({}, takes_ms=100)
    do(slow, a_batch(100), limit_s=1)
    expect(
        len(slow.accepted) <= 11,
        expected="about 10 messages handed over in 1 s at 0.1 s each",
        came=len(slow.accepted),
        look_at="where time is asked for",
        hint=3,
    )


class Broker:
    """Takes batches of ten; refuses those with a guilty message in it, whole. Remembers everything."""

    def __init__(self, guilty: set[int], code: int, dies_at: int | None = None) -> None:
        self.guilty, self.code, self.dies_at = guilty, code, dies_at
        self.attempts: list[list[int]] = []
        self.there: list[int] = []

    def attempt(self, messages: Mapping[int, Message]) -> Reports:
        indices = list(messages)
        self.attempts.append(indices)
        reports = Reports(indices)
        for start in range(0, len(indices), 10):
            group = indices[start : start + 10]
            if self.dies_at is not None and len(self.attempts) > 1 and self.dies_at in group:
                reports.said = "connection lost"
                break
            if self.guilty & set(group):
                for index in group:
                    reports.take(index, KafkaError(self.code))
                for index in indices[start + 10 :]:  # the gapless guarantee: what is behind it is purged
                    reports.take(index, KafkaError(KafkaError._PURGE_QUEUE))
                break
            for index in group:
                reports.take(index, None)
                self.there.append(index)
        return reports


def numbers(count: int) -> list[Message]:
    return list(a_batch(count).values())


def test_ex3_what_went_well_is_settled_at_once(rng: random.Random) -> None:
    """One attempt, and an empty outcome."""
    broker = Broker(set(), 0)

    def talkative(messages: Mapping[int, Message]) -> Reports:
        reports = broker.attempt(messages)
        reports.said = "a broker was slow"
        return reports

    came = settle(numbers(rng.randrange(1, 40)), talkative)
    expect(came == Outcome(), expected="Outcome(): nothing refused or undelivered, and so no reason", came=came, hint=3)
    expect(len(broker.attempts) == 1, expected="one attempt", came=len(broker.attempts))


@pytest.mark.parametrize("code", sorted(REFUSED_IN_A_GROUP))
def test_ex3_only_the_guilty_are_refused(rng: random.Random, code: int) -> None:
    """Whatever the number of guilty ones: each is found, and all the others are there, once and in order."""
    for count in (1, 2, 4):
        guilty = set(rng.sample(range(40), count))
        broker = Broker(guilty, code)
        came = settle(numbers(40), broker.attempt)
        expect(
            set(came.refused) == guilty and not came.undelivered,
            expected=f"{sorted(guilty)} refused, nothing undelivered",
            came=came,
            look_at="which message a refusal of a group means",
            hint=2,
        )
        wanted = [n for n in range(40) if n not in guilty]
        expect(
            broker.there == wanted,
            expected="each of the others there once, in order",
            came=broker.there,
            look_at="what is sent again, and in which order",
            hint=3,
        )
        expect(
            all(len(attempt) == 1 for attempt in broker.attempts[1:]),
            expected="one message an attempt after the first",
            came=[len(attempt) for attempt in broker.attempts],
            hint=2,
        )
        reason = came.refused[min(guilty)]
        expect(bool(reason), expected="the broker's reason with each refusal", came=came.refused)


def test_ex3_an_uncertain_one_stops_the_rest(rng: random.Random) -> None:
    """No report, or any other failure, while sending alone: it and all behind it are undelivered, and nothing more is sent."""
    guilty = rng.randrange(0, 10)
    dies_at = rng.randrange(guilty + 1, 30)
    broker = Broker({guilty}, KafkaError.MSG_SIZE_TOO_LARGE, dies_at=dies_at)
    came = settle(numbers(40), broker.attempt)
    wanted = Outcome({guilty: came.refused.get(guilty, "")}, frozenset(range(dies_at, 40)), "connection lost")
    expect(
        came == wanted,
        expected=f"{guilty} refused, {dies_at} to 39 undelivered, reason 'connection lost'",
        came=came,
        look_at="what may overtake what",
        hint=1,
    )
    expect(
        broker.attempts[-1] == [dies_at],
        expected=f"{dies_at} to be the last that was tried",
        came=broker.attempts[-1],
        hint=3,
    )


def test_ex3_without_a_refusal_nothing_is_tried_alone(rng: random.Random) -> None:
    """A lost connection says nothing about a message: what is pending or failed is undelivered."""
    silent, failed = sorted(rng.sample(range(30), 2))
    attempts = []

    def attempt(messages: Mapping[int, Message]) -> Reports:
        attempts.append(len(messages))
        reports = Reports(messages)
        for index in messages:
            if index == failed:
                reports.take(index, KafkaError(KafkaError.NOT_ENOUGH_REPLICAS))
            elif index != silent:
                reports.take(index, None)
        return reports

    came = settle(numbers(30), attempt)
    expect(
        came.undelivered == {silent, failed} and not came.refused and attempts == [30],
        expected=f"{silent} and {failed} undelivered after one attempt",
        came=(came, attempts),
        look_at="which failures call for a second attempt",
        hint=2,
    )
    expect(came.reason != "", expected="what was said last as the reason", came=came.reason)


def test_ex3_alone_any_refusal_and_any_silence_counts(rng: random.Random) -> None:
    """What had no report is sent alone too, in its place; and alone a message may be refused for itself."""
    attempts: list[list[int]] = []
    silent, unknown, guilty = 4, 7, 11

    def attempt(messages: Mapping[int, Message]) -> Reports:
        attempts.append(list(messages))
        reports = Reports(messages)
        for index in messages:
            if len(messages) > 1 and index == silent:
                continue
            if len(messages) > 1 or index == guilty:
                reports.take(index, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE) if index > 2 else None)
            else:
                reports.take(index, KafkaError(KafkaError.TOPIC_EXCEPTION) if index == unknown else None)
        return reports

    came = settle(numbers(14), attempt)
    expect(
        attempts == [list(range(14)), *([index] for index in range(3, 14))],
        expected="3 to 13 sent alone, in order, 4 among them, of which there was no report",
        came=attempts[1:],
        look_at="what is not settled after the first attempt: what failed, and what is pending",
        hint=2,
    )
    expect(
        set(came.refused) == {unknown, guilty} and not came.undelivered,
        expected=f"{unknown} and {guilty} refused, nothing undelivered",
        came=came,
        look_at="where a refusal of one alone is found: `failed` or `refused`, by its code",
        hint=3,
    )


@pytest.mark.parametrize("code", sorted(REFUSED_ALONE))
def test_ex3_what_was_refused_by_itself_needs_no_second_try(rng: random.Random, code: int) -> None:
    """An unknown topic is refused message by message: settled in the first attempt, kept in the second."""
    unknown, guilty = rng.randrange(0, 10), rng.randrange(20, 30)
    broker = Broker({guilty}, KafkaError.INVALID_RECORD)

    def attempt(messages: Mapping[int, Message]) -> Reports:
        known = {index: message for index, message in messages.items() if index != unknown}
        reports = broker.attempt(known)
        if unknown in messages:
            reports.take(unknown, KafkaError(code))
        return reports

    came = settle(numbers(30), attempt)
    expect(
        set(came.refused) == {unknown, guilty} and not came.undelivered,
        expected=f"{unknown} and {guilty} refused",
        came=came,
        look_at="what happens to the refusals of the first attempt",
        hint=3,
    )
