# Made from solutions/m02_push/13_exactly_once.ipynb: edit it there.
"""The relay as a service: what `python -m ingestion relay` runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ingestion.errors import TransientError
from ingestion.outbox.at_least_once_relay import Relay
from ingestion.outbox.doorbell import listening
from ingestion.outbox.exactly_once import Horizon
from ingestion.outbox.exactly_once_relay import ExactlyOnceRelay
from ingestion.outbox.producer import KafkaProducer
from ingestion.store.database import open_pool

__all__ = ["logger", "run_relay"]


logger = logging.getLogger(__name__)

_LATEST_S = 7.5  # after being stopped; both relays give what they have in hand 6 s


async def run_relay(
    db_url: str,
    kafka_servers: str,
    topic: str,
    *,
    stopped: Callable[[], Awaitable[object]],
    exactly_once: bool = False,
    until_empty: bool = False,
    batch_rows: int = 2_000,
) -> int:
    """Bring events from the outbox to *topic*, and say how many; once *stopped* returns, end within 10 s.

    An outage of Kafka or Postgres is waited for, with a line in the log for each attempt. Kafka's client itself says
    nothing unless this module's log level is DEBUG.

    Args:
        db_url: Of a Postgres that is migrated; not of a transaction pooler, which has no sessions to hold locks.
        kafka_servers: Brokers to begin with.
        topic: Where everything goes. The exactly-once relay keeps its position in `<topic>.positions`.
        stopped: Waits until somebody asks to stop.
        exactly_once: Publish in Kafka transactions. The two kinds of relay exclude each other.
        until_empty: End as soon as nothing waits in the outbox.
        batch_rows: Most rows in hand, and so the most that a crash repeats.

    Raises:
        ConfigurationError: an operator has to change something.
        TransientError: no database answers at the start, or at the end.
    """
    settings = {} if logger.isEnabledFor(logging.DEBUG) else {"log_level": 0}
    async with (
        open_pool(db_url, max_connections=3, application_name="ingestion-relay") as pool,
        listening(db_url) as listener,
        KafkaProducer(kafka_servers, settings=settings) as producer,
    ):
        relay: Relay | ExactlyOnceRelay
        if exactly_once:
            relay = ExactlyOnceRelay(
                pool, kafka_servers, listener.wait, route=lambda _: topic, batch_rows=batch_rows,
                position_topic=f"{topic}.positions", settings=settings,
            )  # fmt: skip
        else:
            relay = Relay(pool, producer, listener.wait, route=lambda _: topic, horizon=Horizon, batch_rows=batch_rows)
        try:
            return await _until(stopped, relay, until_empty)
        finally:
            await pool.close(1)  # a connection that no server answers is not waited for


async def _until(stopped: Callable[[], Awaitable[object]], relay: Relay | ExactlyOnceRelay, until_empty: bool) -> int:
    stop, running = asyncio.ensure_future(stopped()), asyncio.ensure_future(relay.run(until_empty=until_empty))
    try:
        await asyncio.wait([stop, running], return_when=asyncio.FIRST_COMPLETED)
        relay.stop()
        await asyncio.wait([running], timeout=_LATEST_S)
        if not running.done():
            raise TransientError(
                "Postgres does not answer: the relay ends all the same, what it had in hand may repeat"
            )
        return running.result()
    finally:
        stop.cancel()
        while not running.done():  # a cancelled statement is waited for, and so is each that cleans up behind it
            running.cancel()
            await asyncio.wait([running], timeout=0.1)
