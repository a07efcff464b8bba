# Made from solutions/m02_push/13_exactly_once.ipynb: edit it there.
"""How far the exactly-once relay has come, kept in Kafka: one compacted topic, written in the relay's transactions."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingestion.errors import ConfigurationError, CorruptError, TransientError
from ingestion.outbox.message import Message as OwnMessage
from ingestion.outbox.transactions import kafka_error

__all__ = ["KafkaPosition"]


_MISSING = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.LEADER_NOT_AVAILABLE)
_FIRST_LOOK = 200  # messages back from the end; a transaction is two of them, the position and its commit


class _Value(msgspec.Struct, frozen=True):
    position: int


class KafkaPosition:
    """The position of one outbox in a topic, of one partition if it was made here.

    Read it only after the transactional producer has been opened: then no transaction that could move it is open.

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

    def message(self, position: int) -> OwnMessage:
        """Make the message that stores *position*: to be sent with the events up to it, in one transaction."""
        return OwnMessage(self._topic, self._key, msgspec.json.encode(_Value(position)), [])

    async def read(self) -> int | None:
        """Read the last committed position; None when there is none yet.

        Raises:
            ConfigurationError: the topic is not there and may not be made.
            CorruptError: something else has written into the topic.
            TransientError: Kafka does not answer in time.
        """
        return await asyncio.to_thread(self._read)

    def _read(self) -> int | None:
        deadline_s = self._clock() + self._timeout_s
        consumer = Consumer(
            {
                **self._settings,
                "group.id": "ingestion-outbox-position",  # required by the client; nothing is committed for it
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
            }
        )
        try:
            cluster = consumer.list_topics(self._topic, self._timeout_s)
            topic = cluster.topics[self._topic]
            if topic.error is not None and topic.error.code() not in _MISSING:
                raise KafkaException(topic.error)
            if not topic.partitions and cluster.controller_id in cluster.brokers:  # not in a mock cluster
                self._make_topic()
            # All positions of one outbox are in one of the partitions.
            found = [self._last_in(consumer, partition, deadline_s) for partition in topic.partitions]
            return max((position for position in found if position is not None), default=None)
        except KafkaException as error:
            raise kafka_error(f"the position in {self._topic} cannot be read", error) from error
        finally:
            consumer.close()

    def _last_in(self, consumer: Consumer, partition: int, deadline_s: float) -> int | None:
        low, high = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=self._timeout_s)
        back = _FIRST_LOOK
        while high > low:
            start = max(low, high - back)
            position = self._last_from(consumer, partition, start, deadline_s)
            if position is not None or start == low:
                return position
            back *= 16
        return None

    def _last_from(self, consumer: Consumer, partition: int, offset: int, deadline_s: float) -> int | None:
        consumer.assign([TopicPartition(self._topic, partition, offset)])
        position = None
        while self._clock() < deadline_s:
            message = consumer.poll(0.1)
            if message is None:
                continue
            error = message.error()
            if error is None:
                position = self._value(message, position)
            elif error.code() == KafkaError._PARTITION_EOF:
                return position
            elif not error.retriable():
                raise KafkaException(error)
        raise TransientError(f"the position in {self._topic} was not read in time", timed_out=True)

    def _value(self, message: Message, before: int | None) -> int | None:
        if message.key() != self._key:
            return before
        try:
            return msgspec.json.decode(message.value() or b"", type=_Value).position
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
            if said.code() not in (KafkaError.TOPIC_ALREADY_EXISTS, KafkaError._UNSUPPORTED_FEATURE):
                raise kafka_error(f"the topic {self._topic} cannot be made", error) from error
