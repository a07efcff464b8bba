"""The producer, against a broker that answers with errors, and against none."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError

from ingestion.errors import ConfigurationError
from ingestion.outbox.message import Message, Outcome
from ingestion.outbox.producer import KafkaProducer
from workbook.providers.kafka_cluster import KafkaCluster

BUSY = KafkaError.NOT_ENOUGH_REPLICAS
# The mock checks no sequence numbers, so what would be refused by a broker gets in twice there: one batch at a time.
ONE_AT_A_TIME = {"max.in.flight": 1, "batch.num.messages": 10}


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture
def topic(cluster: KafkaCluster) -> str:
    name = f"events-{uuid4().hex[:8]}"
    cluster.create_topic(name)
    return name


def numbered(topic: str, count: int, *, too_large: int = -1) -> list[Message]:
    return [Message(topic, b"k", b"x" * 2_000_000 if n == too_large else b"%d" % n, []) for n in range(count)]


def publish(servers: str, messages: Sequence[Message], *, settings: Any = None, **more: Any) -> Outcome:
    async def scenario() -> Outcome:
        async with KafkaProducer(servers, settings={**ONE_AT_A_TIME, **(settings or {})}, **more) as producer:
            return await producer.publish(messages)

    return asyncio.run(scenario())


def read(cluster: KafkaCluster, topic: str) -> list[int]:
    return [int(value or -1) for value in cluster.read(topic)]


@pytest.mark.parametrize(
    "errors",
    [
        [BUSY],
        [0, BUSY, 0, BUSY],
        [KafkaError.NOT_LEADER_FOR_PARTITION],
        [KafkaError.REQUEST_TIMED_OUT],
        [0, KafkaError._TRANSPORT, 0, KafkaError._TRANSPORT],
    ],
    ids=lambda codes: ", ".join(KafkaError(code).name() for code in codes),
)
def test_a_broker_that_answers_with_errors_loses_nothing(cluster: KafkaCluster, topic: str, errors: list[int]) -> None:
    cluster.fail_next(*errors)
    assert publish(cluster.servers, numbered(topic, 100)) == Outcome()
    assert read(cluster, topic) == list(range(100))


def test_several_batches_on_their_way_stay_in_order_over_an_error(topic: str) -> None:
    """Five requests at a time, the first of them refused: idempotence is what keeps the others behind it."""
    with KafkaCluster(rtt_ms=30) as far:
        far.create_topic(topic)
        far.fail_next(BUSY)
        assert publish(far.servers, numbered(topic, 100), settings={"max.in.flight": 5}) == Outcome()
        assert read(far, topic) == list(range(100))


def test_what_is_not_acknowledged_in_time_is_undelivered_and_never_arrives_later(
    cluster: KafkaCluster, topic: str
) -> None:
    """O6: neither gone nor half sent behind the caller's back."""

    async def scenario() -> Outcome:
        async with KafkaProducer(cluster.servers, delivery_timeout_s=1.5, settings=ONE_AT_A_TIME) as producer:
            cluster.fail_next(0, *[BUSY] * 100)
            outcome = await producer.publish(numbered(topic, 30))
            cluster.stop_failing()
            await asyncio.sleep(1)
            return outcome

    outcome = asyncio.run(scenario())
    assert outcome.undelivered == set(range(10, 30))
    assert not outcome.refused
    assert read(cluster, topic) == list(range(10))


@pytest.mark.parametrize(
    "code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION]
)
def test_of_a_group_that_a_broker_refuses_only_the_guilty_one_is_refused(
    cluster: KafkaCluster, topic: str, code: int
) -> None:
    """O7, on the broker's side."""
    cluster.fail_next(0, code, 0, 0, 0, code)  # the second group; of its messages alone, the fourth
    outcome = publish(cluster.servers, numbered(topic, 40))
    assert list(outcome.refused) == [13]
    assert not outcome.undelivered
    assert read(cluster, topic) == [n for n in range(40) if n != 13]


def test_a_message_beyond_the_clients_limit_is_refused_and_everything_else_goes_through(
    cluster: KafkaCluster, topic: str
) -> None:
    """O7, on the client's side."""
    outcome = publish(cluster.servers, numbered(topic, 5, too_large=2))
    assert list(outcome.refused) == [2]
    assert "too large" in outcome.refused[2]
    assert not outcome.undelivered
    assert read(cluster, topic) == [0, 1, 3, 4]


def test_a_lasting_refusal_of_us_is_no_refusal_of_the_messages(cluster: KafkaCluster, topic: str) -> None:
    """No right to write to the topic: an operator's matter, and the events wait."""
    cluster.fail_next(*[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 20)
    outcome = publish(cluster.servers, numbered(topic, 20), delivery_timeout_s=2)
    assert not outcome.refused
    assert outcome.undelivered == set(range(20))
    assert outcome.reason


def test_over_a_bad_night_nothing_is_lost_and_the_first_copies_are_in_order(cluster: KafkaCluster, topic: str) -> None:
    """Publish what is undelivered until nothing is, as a relay does, through errors, cuts and a broker that is down."""
    nights = itertools.cycle(
        [
            lambda: cluster.fail_next(0, *[BUSY] * 50),
            lambda: cluster.fail_next(0, KafkaError._TRANSPORT, BUSY, 0, *[KafkaError._TRANSPORT] * 30),
            cluster.go_down,
            lambda: cluster.fail_next(0, BUSY, KafkaError.MSG_SIZE_TOO_LARGE, 0, KafkaError.MSG_SIZE_TOO_LARGE),
            lambda: None,
        ]
    )

    async def scenario() -> dict[int, str]:
        left, dead = list(enumerate(numbered(topic, 80))), {}
        async with KafkaProducer(cluster.servers, delivery_timeout_s=1.5, settings=ONE_AT_A_TIME) as producer:
            for night in itertools.islice(nights, 25):
                night()
                outcome = await producer.publish([message for _, message in left])
                dead |= {left[i][0]: reason for i, reason in outcome.refused.items()}
                left = [pair for i, pair in enumerate(left) if i in outcome.undelivered]
                cluster.come_up()
                cluster.stop_failing()
                if not left:
                    return dead
        raise AssertionError(f"{len(left)} are still undelivered")

    dead = asyncio.run(scenario())
    first_copies = list(dict.fromkeys(read(cluster, topic)))
    assert first_copies == [n for n in range(80) if n not in dead]
    assert len(dead) <= 1


def test_without_a_broker_all_is_undelivered_in_time_and_without_a_busy_loop() -> None:
    """O6."""
    began_s, cpu_s = time.monotonic(), time.process_time()
    outcome = publish("127.0.0.1:9", numbered("t", 3), delivery_timeout_s=1.5)
    assert outcome.undelivered == {0, 1, 2}
    assert outcome.reason
    assert time.monotonic() - began_s < 5
    assert time.process_time() - cpu_s < 0.5


def test_hurrying_and_cancelling_end_a_batch_early() -> None:
    """O11."""

    async def scenario() -> None:
        async with KafkaProducer("127.0.0.1:9") as producer:
            batch = asyncio.create_task(producer.publish(numbered("t", 1)))
            await asyncio.sleep(0.2)
            batch.cancel()
            await asyncio.wait([batch], timeout=3)
            assert batch.cancelled()
            batch = asyncio.create_task(producer.publish(numbered("t", 1)))
            await asyncio.sleep(0.2)
            producer.hurry(0.3)
            assert (await asyncio.wait_for(batch, 3)).undelivered == {0}

    asyncio.run(scenario())


@pytest.mark.parametrize("settings", [{"acks": 1}, {"enable.idempotence": "false"}, {"no.such.setting": 1}], ids=str)
def test_settings_that_the_promise_or_the_client_refuses_are_configuration_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        publish("127.0.0.1:9", numbered("t", 1), settings=settings)


def test_nothing_to_publish_opens_no_connection() -> None:
    assert publish("127.0.0.1:9", []) == Outcome()
