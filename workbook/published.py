"""What a Kafka topic holds now, read from its beginning to its end as a `read_committed` consumer would."""

from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_LIMIT_S = 30


@dataclass(frozen=True)
class Published:
    """One message: its place, its key, its value and its headers."""

    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: dict[str, str]


def published(servers: str, topic: str) -> list[Published]:
    """Give every committed message of *topic*, in order within each partition; none if there is no such topic.

    Raises:
        KafkaException: the cluster cannot be reached.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "workbook.published",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "allow.auto.create.topics": False,
            "enable.partition.eof": True,
        }
    )
    try:
        found = consumer.list_topics(topic, timeout=_LIMIT_S).topics[topic]
        if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return []
        partitions = [TopicPartition(topic, number, 0) for number in found.partitions]
        consumer.assign(partitions)
        return list(_until_the_ends(consumer, len(partitions)))
    finally:
        consumer.close()


def _until_the_ends(consumer: Consumer, open_partitions: int) -> Iterator[Published]:
    while open_partitions:
        message = consumer.poll(_LIMIT_S)
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"nothing came for {_LIMIT_S} s"))
        error = message.error()
        if error is None:
            yield Published(
                partition=message.partition() or 0,
                offset=message.offset() or 0,
                key=_text(message.key()),
                value=message.value(),
                headers={name: _text(value) for name, value in dict(message.headers() or ()).items()},
            )
        elif error.code() == KafkaError._PARTITION_EOF:
            open_partitions -= 1
        else:
            raise KafkaException(error)


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
