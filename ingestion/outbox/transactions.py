# Made from solutions/m02_push/13_exactly_once.ipynb: edit it there.
"""Kafka transactions: a batch and the position behind it become visible together, or never."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from ingestion.errors import TransientError
from ingestion.outbox.message import Message, Outcome
from ingestion.outbox.producer import REFUSALS, REFUSED_ALONE, client_refuses, producer_settings
from ingestion.store.watermarks import SourceBusyError

__all__ = ["T", "TransactionalProducer", "kafka_error"]


T = TypeVar("T")

_FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})


class _Reports(dict[int, KafkaError]):
    """The messages that failed, by index."""

    def report(self, index: int, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self[index] = error


def kafka_error(what: str, error: KafkaException) -> TransientError:
    """Say in the package's terms what Kafka said."""
    said: KafkaError = error.args[0]
    if said.code() in _FENCED:
        return SourceBusyError(f"{what}: another relay with the same transactional id has taken over")
    return TransientError(f"{what}: {said.str()}", timed_out=said.code() == KafkaError._TIMED_OUT)


class TransactionalProducer:
    """Sends batches in transactions, under a name that only one process at a time can hold.

    `open` ends whatever a predecessor left unfinished, for good or ill, and shuts it out: it can commit nothing
    any more. After any error the producer is closed, and nobody knows whether the last transaction committed:
    `open` again, and read the position.

    Args:
        bootstrap_servers: Brokers to begin with.
        transactional_id: The name.
        timeout_s: How long opening, or one transaction, may take. Consumers wait so long behind a hung transaction.
        settings: Of librdkafka, on top of `producer_settings`.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        transactional_id: str,
        *,
        timeout_s: float = 30.0,
        settings: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        in_ms = int(timeout_s * 1000)
        own = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": in_ms,
            "message.timeout.ms": in_ms,
            "enable.gapless.guarantee": False,  # a transaction with a gap is aborted anyway
        }
        self._settings = producer_settings(bootstrap_servers, {**own, **(settings or {})})
        self._timeout_s = timeout_s
        self._clock = clock
        self._latest_s = float("inf")
        self._producer: Producer | None = None
        self._thread = ThreadPoolExecutor(1, "kafka-transactions")

    def hurry(self, within_s: float) -> None:
        """Let nothing, the transaction under way included, take longer than *within_s* from now on."""
        self._latest_s = min(self._latest_s, self._clock() + within_s)

    async def open(self) -> None:
        """Become the one producer of this name.

        Raises:
            ConfigurationError: the client refuses its settings.
            TransientError: Kafka does not answer in time.
        """
        await self._on_thread(self._open)

    async def publish(self, messages: Sequence[Message], mark: Message) -> Outcome:
        """Send *messages* and *mark* in one transaction, and say what became of it.

        Either all of them are visible to a `read_committed` consumer, and the outcome is empty. Or none is: then
        the outcome names those that Kafka refuses. A broker refuses by the group that travelled together; where
        it cannot be told who was meant, all are undelivered: try fewer.

        Raises:
            SourceBusyError: another process has the name now.
            TransientError: it is not known what became of it, or *mark* is refused; the producer is closed.
        """
        return await self._on_thread(partial(self._publish, messages, mark))

    async def close(self) -> None:
        """Leave an unfinished transaction to be aborted, and the name to the next."""
        await self._on_thread(self._close)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        doing = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            latest_s, self._latest_s = self._latest_s, 0.0
            await asyncio.wait([doing])
            self._latest_s = latest_s
            raise

    def _open(self) -> None:
        self._close()
        try:
            self._producer = Producer(self._settings)
        except KafkaException as error:
            raise client_refuses(error) from error
        deadline_s = self._clock() + self._timeout_s
        self._insist("Kafka does not open a transaction", self._producer.init_transactions, deadline_s)

    def _publish(self, messages: Sequence[Message], mark: Message) -> Outcome:
        producer, deadline_s = self._producer, self._clock() + self._timeout_s
        if producer is None:
            raise TransientError("the producer is closed: open it first")
        failed, refused = _Reports(), dict[int, str]()
        try:
            producer.begin_transaction()
            for index, message in enumerate((*messages, mark)):
                self._enqueue(producer, message, partial(failed.report, index), refused, index, deadline_s)
            while len(producer) and not refused and not failed and self._left_s(deadline_s) > 0:
                producer.flush(0.05)
        except KafkaException as error:
            self._close()
            raise kafka_error("a transaction with Kafka failed", error) from error
        if refused or failed:
            return self._abort(producer, len(messages), failed, refused, deadline_s)
        self._insist("Kafka does not commit", producer.commit_transaction, deadline_s)
        return Outcome()

    def _abort(
        self, producer: Producer, size: int, failed: _Reports, refused: dict[int, str], deadline_s: float
    ) -> Outcome:
        self._insist("Kafka does not abort", producer.abort_transaction, deadline_s)
        if size in refused or (size in failed and failed[size].code() in REFUSALS):
            self._close()
            said = refused[size] if size in refused else failed[size].str()
            raise TransientError(f"Kafka refuses what marks the end of a transaction: {said}")
        refused |= {
            index: error.str()
            for index, error in failed.items()
            if error.code() in (REFUSALS if size == 1 else REFUSED_ALONE)
        }
        if refused:
            if failed:
                self._open()
            return Outcome(refused, frozenset(range(size)) - refused.keys())
        self._close()  # its sequence numbers have a gap now
        for error in failed.values():
            if error.code() in REFUSALS:
                self._open()
                return Outcome({}, frozenset(range(size)), error.str())
        raise kafka_error("a transaction with Kafka was aborted", KafkaException(error))

    def _enqueue(
        self,
        producer: Producer,
        message: Message,
        report: Callable[[KafkaError | None, object], None],
        refused: dict[int, str],
        index: int,
        deadline_s: float,
    ) -> None:
        while True:
            try:
                producer.produce(message.topic, message.value, message.key, on_delivery=report, headers=message.headers)
            except BufferError:
                if self._left_s(deadline_s) <= 0:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
                producer.poll(0.05)
                continue
            except KafkaException as error:
                if error.args[0].code() not in REFUSALS:
                    raise
                refused[index] = error.args[0].str()
            return

    def _insist(self, what: str, call: Callable[[float], object], deadline_s: float) -> None:
        """Call until it is done, as long as Kafka says that repeating helps; else close and raise."""
        while True:
            try:
                call(min(0.5, max(0.05, self._left_s(deadline_s))))  # in short steps: somebody may hurry meanwhile
                return
            except KafkaException as error:
                if error.args[0].retriable() and self._left_s(deadline_s) > 0:
                    continue
                self._close()
                raise kafka_error(what, error) from error

    def _left_s(self, deadline_s: float) -> float:
        return min(deadline_s, self._latest_s) - self._clock()

    def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            with suppress(KafkaException):
                producer.poll(0)
