# Made from solutions/m02_push/11_producer.ipynb: edit it there.
"""The producer: idempotent, acknowledged by all in-sync replicas, and honest about what became of every message."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Producer

from ingestion.errors import ConfigurationError
from ingestion.outbox.message import Message, Outcome

__all__ = [
    "REFUSALS",
    "REFUSED_ALONE",
    "REFUSED_IN_A_GROUP",
    "KafkaProducer",
    "Reports",
    "client_refuses",
    "logger",
    "producer_settings",
    "send",
    "settle",
]


logger = logging.getLogger(__name__)

_SETTINGS: Mapping[str, Any] = {
    "acks": "all",  # with the topic's min.insync.replicas: what is acknowledged survives the loss of a broker
    "enable.idempotence": True,
    # Where one message of a partition fails, nothing behind it may get through.
    "enable.gapless.guarantee": True,
    "linger.ms": 2,
    "topic.metadata.propagation.max.ms": 5_000,
    "reconnect.backoff.max.ms": 2_000,
    "log_level": 3,  # errors; a warning would repeat at each start that the guarantee is experimental
}


def producer_settings(bootstrap_servers: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """Give librdkafka's settings for a producer that loses, doubles and reorders nothing within its session.

    They are `_SETTINGS`, the servers, this module's logger as `logger`, and *more*, which wins.

    Raises:
        ConfigurationError: *more* has acknowledgement by fewer than all, or no idempotence; it names the setting.
    """
    for name in ("acks", "request.required.acks"):
        if str(more.get(name, "all")).lower() not in ("all", "-1"):
            raise ConfigurationError(f"{name} has to be `all`: with fewer, an acknowledged message may be lost")
    if str(more.get("enable.idempotence", True)).lower() not in ("true", "t", "1"):
        raise ConfigurationError("enable.idempotence has to stay on: without it, messages are doubled and reordered")
    return {"bootstrap.servers": bootstrap_servers, **_SETTINGS, "logger": logger, **more}


REFUSED_ALONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.TOPIC_EXCEPTION})
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_MSG_SIZE}
_INVALID = {KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG, KafkaError.INVALID_TIMESTAMP}
REFUSED_IN_A_GROUP = frozenset({*_TOO_LARGE, *_INVALID, KafkaError.POLICY_VIOLATION})
"""A broker refuses messages by the group that travelled together: each has to be tried alone to know which it was."""
REFUSALS = REFUSED_ALONE | REFUSED_IN_A_GROUP


class Reports:
    """What is known of the messages of one sending, by index.

    Attributes:
        pending: No report has come. They may be in Kafka.
        failed: Reported with an error that says nothing about the message alone. They may be in Kafka.
        refused: Kafka will never take them.
        said: The last complaint.
    """

    def __init__(self, indices: Iterable[int]) -> None:
        self.pending = set(indices)
        self.failed: dict[int, KafkaError] = {}
        self.refused: dict[int, str] = {}
        self.said = ""

    def take(self, index: int, error: KafkaError | None, _: object = None) -> None:
        """Take a delivery report: the callback."""
        self.pending.discard(index)
        if error is None:
            return
        self.said = error.str()
        if error.code() in REFUSED_ALONE:
            self.refused[index] = error.str()
        else:
            self.failed[index] = error

    def refuse(self, index: int, error: KafkaError) -> None:
        """Note what the client itself refuses: it was never sent, so it leaves no gap."""
        self.pending.discard(index)
        self.refused[index] = error.str()


def send(producer: Producer, messages: Mapping[int, Message], has_time: Callable[[], bool]) -> Reports:
    """Send *messages* in their order, wait for their delivery reports, and give what is known of each.

    Nothing is sent behind a message that could not be handed over: none overtakes it. When the time is up, what has no
    report is left pending.
    """
    reports, waiting = Reports(messages), deque(messages.items())
    try:
        while waiting and has_time():
            index, message = waiting[0]
            told = partial(reports.take, index)
            try:
                producer.produce(message.topic, message.value, message.key, on_delivery=told, headers=message.headers)
            except BufferError:
                producer.poll(0.05)
                continue
            except KafkaException as error:
                if error.args[0].code() not in REFUSALS:
                    raise
                reports.refuse(index, error.args[0])
            waiting.popleft()
        while reports.pending and len(producer) and has_time():
            producer.flush(0.05)
    except KafkaException as error:
        reports.said = error.args[0].str()
    return reports


def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    """Find out what became of each of *messages*, and which of those that a broker refused as a group it meant.

    *attempt* sends some of them, by their index, in the order of their indices, and gives the reports.
    """
    reports = attempt(dict(enumerate(messages)))
    refused, left = dict(reports.refused), sorted(reports.pending | reports.failed.keys())
    if any(error.code() in REFUSED_IN_A_GROUP for error in reports.failed.values()):
        while left:
            index = left[0]
            reports = attempt({index: messages[index]})
            error = reports.failed.get(index)
            refused |= {index: error.str()} if error and error.code() in REFUSALS else reports.refused
            if index not in refused and (reports.pending or error):
                break
            left.pop(0)
    return Outcome(refused, frozenset(left), reports.said if left else "")


def client_refuses(error: KafkaException) -> ConfigurationError:
    """Say that the settings themselves are wrong, before anything was sent."""
    return ConfigurationError(
        f"Kafka's client refuses its settings: {error.args[0].str()}. Check them, and the servers"
    )


class KafkaProducer:
    """Sends batches of messages. The client blocks and calls back, so it lives on a thread of its own.

    Messages of one key keep their order, over failures, too: whatever is sent again is sent with all behind it. What
    an outage leaves uncertain the caller sends again: a message may arrive twice, but the first copies are in order.

    Args:
        bootstrap_servers: Brokers to begin with.
        delivery_timeout_s: How long a batch may take. What is not acknowledged by then is given up and reported.
        settings: The *more* of `producer_settings`.
        clock: In seconds, monotonic.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        delivery_timeout_s: float = 30.0,
        settings: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = producer_settings(bootstrap_servers, {"message.timeout.ms": 0, **(settings or {})})
        self._delivery_timeout_s = delivery_timeout_s
        self._clock = clock
        self._latest_s = float("inf")
        self._producer: Producer | None = None
        self._heard = ""
        self._thread = ThreadPoolExecutor(1, "kafka-producer")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hurry(0)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._give_up)
        self._thread.shutdown()

    def hurry(self, within_s: float) -> None:
        """Let no batch, the one under way included, take longer than *within_s* from now on."""
        self._latest_s = min(self._latest_s, self._clock() + within_s)

    async def publish(self, messages: Sequence[Message]) -> Outcome:
        """Send *messages* in order, wait for their delivery reports, and say what became of each.

        Takes no longer than the delivery timeout. A caller that is cancelled leaves all of them uncertain.

        Raises:
            ConfigurationError: the client refuses its settings.
        """
        if not messages:
            return Outcome()
        sending = asyncio.get_running_loop().run_in_executor(self._thread, self._publish, messages)
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            latest_s, self._latest_s = self._latest_s, 0.0
            await asyncio.wait([sending])
            self._latest_s = latest_s
            raise

    def _publish(self, messages: Sequence[Message]) -> Outcome:
        deadline_s = self._clock() + self._delivery_timeout_s
        return settle(messages, partial(self._attempt, lambda: deadline_s > self._clock() < self._latest_s))

    def _attempt(self, has_time: Callable[[], bool], messages: Mapping[int, Message]) -> Reports:
        reports = send(self._open(), messages, has_time)
        if reports.pending or reports.failed:
            said = reports.said or self._heard
            self._give_up()
            reports.said = said
        return reports

    def _open(self) -> Producer:
        if self._producer is None:
            try:
                self._producer = Producer({**self._settings, "error_cb": self._hear})
            except KafkaException as error:
                raise client_refuses(error) from error
        return self._producer

    def _hear(self, error: KafkaError) -> None:
        self._heard = error.str()

    def _give_up(self) -> None:
        """Throw the producer away; what it still holds is reported as failed, and never sent."""
        producer, self._producer, self._heard = self._producer, None, ""
        if producer is None:
            return
        producer.purge()
        tries = 100
        while len(producer) and (tries := tries - 1):
            with suppress(KafkaException):
                producer.poll(0.01)
