# Made from solutions/m02_push/13_exactly_once.ipynb: edit it there.
"""The relay as a service: what `python -m ingestion relay` runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ingestion.outbox.at_least_once_relay import Relay
from ingestion.outbox.doorbell import listening
from ingestion.outbox.exactly_once import Horizon
from ingestion.outbox.exactly_once_relay import ExactlyOnceRelay
from ingestion.outbox.producer import KafkaProducer
from ingestion.store.database import open_pool

__all__ = ["logger", "run_relay"]


logger = logging.getLogger(__name__)


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
        TransientError: no database answers at the start.
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
        return await _until(stopped, relay, until_empty)


async def _until(stopped: Callable[[], Awaitable[object]], relay: Relay | ExactlyOnceRelay, until_empty: bool) -> int:
    stop = asyncio.ensure_future(stopped())
    stop.add_done_callback(lambda _: relay.stop())
    try:
        return await relay.run(until_empty=until_empty)
    finally:
        stop.cancel()
