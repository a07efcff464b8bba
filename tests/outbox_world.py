"""What the outbox's tests share: events, topics of their own, a relay in a process, a consumer that reads to the end."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ingestion.outbox.at_least_once_relay import Relay
from ingestion.outbox.exactly_once_relay import ExactlyOnceRelay
from ingestion.outbox.message import Message, Outcome
from ingestion.outbox.producer import KafkaProducer
from ingestion.outbox.writer import OutboxEvent, add_events
from ingestion.store.database import Pool, transaction
from tests.migrated import NOON


def event(number: int, key: str = "k", kind: str = "shop.orders", **more: Any) -> OutboxEvent:
    more = {"payload": b"%d" % number, "occurred_at": NOON, **more}
    return OutboxEvent(kind, key, "updated", **more)


async def write(pool: Pool, *events: OutboxEvent) -> None:
    async with transaction(pool) as connection:
        await add_events(connection, events)


class Recorder:
    """A publisher that remembers, and does with each batch what it is told to."""

    def __init__(self, *plan: Any) -> None:
        self.sent: list[Message] = []
        self.plan = list(plan)
        self.hurried: list[float] = []

    async def publish(self, messages: Sequence[Message]) -> Outcome:
        await asyncio.sleep(0)
        outcome = self.plan.pop(0) if self.plan else Outcome()
        if isinstance(outcome, Exception):
            raise outcome
        self.sent += [m for i, m in enumerate(messages) if i not in outcome.refused and i not in outcome.undelivered]
        return outcome

    def hurry(self, within_s: float) -> None:
        self.hurried.append(within_s)

    @property
    def values(self) -> list[int]:
        return [int(m.value or b"-1") for m in self.sent]


def new_topic(servers: str, *, make: bool = False, partitions: int = 4, **config: str) -> str:
    """Name a topic nobody else uses, and make it where the cluster does not do that by itself."""
    topic = f"events-{uuid4().hex[:12]}"
    if make:
        admin = AdminClient({"bootstrap.servers": servers})  # has to live until the answer is here
        admin.create_topics([NewTopic(topic, partitions, config=dict(config))])[topic].result()
    return topic


def consume(servers: str, topic: str, *, committed: bool = False, within_s: float = 60) -> list[Any]:
    """Read a topic from its beginning to its end."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": uuid4().hex,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
        }
    )
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        messages, at_end, deadline_s = [], set(), time.monotonic() + within_s
        while len(at_end) < len(partitions):
            assert time.monotonic() < deadline_s, f"not read to the end: {len(messages)} messages"
            for message in consumer.consume(5_000, 0.2):
                if message.error() is None:
                    messages.append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    at_end.add(message.partition())
        return messages
    finally:
        consumer.close()


def event_id(message: Any) -> bytes:
    return dict(message.headers())["event_id"]


def first_copies(messages: Sequence[Any]) -> list[Any]:
    """What a consumer that remembers ids takes."""
    seen: dict[bytes, Any] = {}
    for message in messages:
        seen.setdefault(event_id(message), message)
    return list(seen.values())


def by_key(messages: Sequence[Any]) -> dict[bytes, list[int]]:
    keys: dict[bytes, list[int]] = defaultdict(list)
    for message in messages:
        keys[message.key()].append(int(message.value()))
    return dict(keys)


@asynccontextmanager
async def running(relay: Relay | ExactlyOnceRelay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        relay.stop()
        await asyncio.wait_for(task, 20)


async def eventually(condition: Any, within_s: float = 15) -> None:
    deadline_s = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.01)


__all__ = [name for name in dir() if not name.startswith("_")] + ["KafkaProducer"]
