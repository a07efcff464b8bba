"""A Kafka cluster that fails to order: librdkafka's own mock cluster, in this process, with errors in its answers.

The client library brings a small broker that speaks the real protocol. Its Python bindings can start one and not command
it, so this reaches for the C functions behind them.

What the mock does not do: it checks no sequence numbers, so a batch that is sent again is there twice where a broker would
know it; and it has no replicas, so "not enough of them" is an answer that it gives when told to.
"""

import ctypes
import platform
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, TopicPartition, cimpl

PRODUCE = 0
"""Kafka's number for the request that carries messages."""

_RETURNS_POINTERS = ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new")
_UNHEARD = 2  # only what is critical


def _library() -> ctypes.CDLL:
    """The C library that the Python client has loaded."""
    if platform.system() == "Windows":
        [path] = Path(confluent_kafka.__file__).parent.parent.glob("confluent_kafka.libs/*rdkafka-*.dll")
    else:
        path = Path(cimpl.__file__)  # a search in it goes on in the libraries that it was linked with
    library = ctypes.CDLL(str(path))
    for name in _RETURNS_POINTERS:
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_conf_set.restype = ctypes.c_int
    return library


class KafkaCluster:
    """One broker of your own, gone when the block is left.

    Args:
        rtt_ms: How long it takes with each answer.
    """

    def __init__(self, *, rtt_ms: int = 0) -> None:
        self._library = _library()
        conf = ctypes.c_void_p(self._library.rd_kafka_conf_new())
        self._library.rd_kafka_conf_set(conf, b"log_level", str(_UNHEARD).encode(), None, 0)
        self._library.rd_kafka_conf_set(conf, b"bootstrap.servers", b"replaced-by-the-mock", None, 0)
        self._client = ctypes.c_void_p(self._library.rd_kafka_new(0, conf, None, 0))
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_mock_cluster_new(self._client, 1))
        if rtt_ms:
            self._library.rd_kafka_mock_broker_set_rtt(self._cluster, ctypes.c_int32(1), rtt_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, as if every broker had been switched off for good."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = ctypes.c_void_p(None)

    @property
    def servers(self) -> str:
        """Where clients begin."""
        return str(self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode())

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """Make a topic; one that is not made appears with four partitions when it is first asked for."""
        self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def fail_next(self, *codes: int, request: int = PRODUCE) -> None:
        """Answer the next requests of one kind with these errors, in turn; 0 lets one through, and after them all go through.

        A refused batch is not stored. `KafkaError._TRANSPORT` cuts the connection instead of answering.
        """
        errors = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(request), ctypes.c_size_t(len(codes)), errors
        )

    def stop_failing(self, *, request: int = PRODUCE) -> None:
        """Forget the errors that have not been given yet."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, ctypes.c_int16(request))

    def go_down(self) -> None:
        """Refuse every connection."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, ctypes.c_int32(1))

    def come_up(self) -> None:
        """Take connections again; what was stored is still there."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, ctypes.c_int32(1))

    def read(self, topic: str, partition: int = 0) -> list[bytes | None]:
        """The values of one partition, from its beginning to its end."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "reader",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "log_level": _UNHEARD,
            }
        )
        values: list[bytes | None] = []
        try:
            consumer.assign([TopicPartition(topic, partition, 0)])
            while (message := consumer.poll(10)) is not None:
                error = message.error()
                if error is None:
                    values.append(message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    return values
            raise TimeoutError(f"{topic} was not read to its end")
        finally:
            consumer.close()
