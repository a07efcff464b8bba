"""Apache Kafka itself under the stack, where Java 17 and Maven are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from tests.workbook.stack_checkout import Checkout, still_alive
from workbook.stack.environment import EnvFile
from workbook.stack.kafka_broker import what_is_missing

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(bool(what_is_missing()), reason=what_is_missing())]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    one = Checkout(tmp_path)
    yield one
    one.run("down")


def produce_in_a_transaction(servers: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "t", "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("events", value)
    producer.commit_transaction(30)


def consume_one(servers: str) -> bytes | None:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe(["events"])
    try:
        message = consumer.poll(30)
        return message.value() if message is not None else None
    finally:
        consumer.close()


def test_up_replaces_the_mock_cluster_down_brings_it_back_and_topics_stay(checkout: Checkout) -> None:
    mock = checkout.up()["KAFKA_BOOTSTRAP_SERVERS"]
    started = checkout.run("kafka", "up")
    assert started.returncode == 0, started.stderr
    real = started.stdout.strip()
    assert real != mock
    assert EnvFile(checkout.layout.env_file).block_values()["KAFKA_BOOTSTRAP_SERVERS"] == real
    assert checkout.up()["KAFKA_BOOTSTRAP_SERVERS"] == real, "other callers get it too"
    produce_in_a_transaction(real, b"hello")

    assert checkout.run("kafka", "down").returncode == 0
    assert checkout.up()["KAFKA_BOOTSTRAP_SERVERS"] == mock

    assert checkout.run("kafka", "up").stdout.strip() == real
    assert consume_one(real) == b"hello"

    processes = checkout.processes()
    assert any(process.name() == "java" for process in processes)
    processes[0].kill()
    assert still_alive(processes, within_s=10) == []
