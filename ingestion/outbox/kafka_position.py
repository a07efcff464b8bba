# Made from solutions/m02_push/13_exactly_once.ipynb: edit it there.
"""How far the exactly-once relay has come, kept in Kafka: one compacted topic, written in the relay's transactions."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingestion.errors import ConfigurationError, CorruptError, TransientError
from ingestion.outbox.message import Message as OwnMessage
from ingestion.outbox.transactions import kafka_error

__all__ = ["KafkaPosition", "Kept"]


_MISSING = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.LEADER_NOT_AVAILABLE)
_FIRST_LOOK = 200  # messages back from the end; a transaction is two of them, the position and its commit


class Kept(msgspec.Struct, frozen=True):
    """How far one outbox is published.

    Attributes:
        position: Up to here, every row is published or set aside.
        event_id: Of the last event that was published with it; None if all were set aside.
    """

    position: int
    event_id: UUID | None = None


class KafkaPosition:
    """The position of one outbox in a topic, of one partition if it was made here.

    Read it only after the transactional producer has been opened: then no transaction that could move it is open.
    Those of other outboxes may be: what is committed behind one of them shows when it has ended, and is waited for.

    Args:
        bootstrap_servers: Brokers to begin with.
        outbox: The identity of the outbox. Other outboxes may keep theirs in the same topic.
        topic: Made, compacted, when it is missing.
        settings: Of librdkafka, security above all.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        outbox: str,
        topic: str,
        *,
        timeout_s: float = 30.0,
        settings: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = {"bootstrap.servers": bootstrap_servers, **(settings or {})}
        self._key = outbox.encode()
        self._topic = topic
        self._timeout_s = timeout_s
        self._clock = clock

    def message(self, kept: Kept) -> OwnMessage:
        """Make the message that stores a position: to be sent with the events up to it, in one transaction."""
        return OwnMessage(self._topic, self._key, msgspec.json.encode(kept), [])

    async def read(self) -> Kept | None:
        """Read what was committed last; None when there is none yet.

        Raises:
            ConfigurationError: the topic is not there and may not be made.
            CorruptError: something else has written into the topic.
            TransientError: Kafka does not answer in time, or somebody's open transaction hides what was committed.
        """
        return await asyncio.to_thread(self._read)

    def _read(self) -> Kept | None:
        deadline_s = self._clock() + self._timeout_s
        consumer = self._consumer("read_committed")
        try:
            cluster = consumer.list_topics(self._topic, self._timeout_s)
            topic = cluster.topics[self._topic]
            if topic.error is not None and topic.error.code() not in _MISSING:
                raise KafkaException(topic.error)
            if not topic.partitions and cluster.controller_id in cluster.brokers:  # not in a mock cluster
                self._make_topic()
            # All positions of one outbox are in one of the partitions.
            found = [self._last_in(consumer, partition, deadline_s) for partition in topic.partitions]
            return max((kept for kept in found if kept is not None), key=lambda kept: kept.position, default=None)
        except KafkaException as error:
            raise kafka_error(f"the position in {self._topic} cannot be read", error) from error
        finally:
            consumer.close()

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                **self._settings,
                "group.id": "ingestion-outbox-position",  # required by the client; nothing is committed for it
                "enable.auto.commit": False,
                "isolation.level": isolation,
                "enable.partition.eof": True,
            }
        )

    def _bounds(self, partition: int) -> tuple[int, int]:
        """Give the first offset and the end; who reads what is committed is told the begin of an open transaction."""
        consumer = self._consumer("read_uncommitted")
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=self._timeout_s)
            return low, high
        finally:
            consumer.close()

    def _last_in(self, consumer: Consumer, partition: int, deadline_s: float) -> Kept | None:
        low, high = self._bounds(partition)
        back = _FIRST_LOOK
        while high > low:
            start = max(low, high - back)
            kept = self._last_between(consumer, partition, start, high, deadline_s)
            if kept is not None or start == low:
                return kept
            back *= 16
        return None

    def _last_between(self, consumer: Consumer, partition: int, start: int, end: int, deadline_s: float) -> Kept | None:
        consumer.assign([TopicPartition(self._topic, partition, start)])
        kept = None
        while self._clock() < deadline_s:
            message = consumer.poll(0.1)
            if message is None:
                continue
            error = message.error()
            if error is None:
                kept = self._value(message, kept)
            elif error.code() == KafkaError._PARTITION_EOF:
                if (message.offset() or 0) >= end:  # else it is the end of what shows
                    return kept
            elif not error.retriable():
                raise KafkaException(error)
        raise TransientError(
            f"the position in {self._topic} was not read in time: Kafka is slow, or another transaction is open in it",
            timed_out=True,
        )

    def _value(self, message: Message, before: Kept | None) -> Kept | None:
        if message.key() != self._key:
            return before
        try:
            return msgspec.json.decode(message.value() or b"", type=Kept)
        except msgspec.MsgspecError as error:
            raise CorruptError(
                f"{self._topic} holds something that is no position: give the relay a topic of its own ({error})"
            ) from None

    def _make_topic(self) -> None:
        wanted = NewTopic(self._topic, 1, config={"cleanup.policy": "compact"})
        admin = AdminClient(self._settings)  # has to live until the answer is here
        try:
            admin.create_topics([wanted], request_timeout=self._timeout_s)[self._topic].result()
        except KafkaException as error:
            said: KafkaError = error.args[0]
            if said.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
                raise ConfigurationError(
                    f"Kafka does not let us make the topic {self._topic}: make it, with one partition, compacted"
                ) from error
            if said.code() != KafkaError._UNSUPPORTED_FEATURE:  # where it is there after all, it has to be read
                raise kafka_error(f"the topic {self._topic} cannot be made", error) from error
