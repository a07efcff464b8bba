"""Relays as processes, quick to start because they are forked from one that has imported everything."""

import asyncio
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess

from ingestion.outbox.at_least_once_relay import Relay
from ingestion.outbox.message import Message, Outcome
from ingestion.outbox.producer import KafkaProducer
from ingestion.outbox.service import run_relay
from ingestion.outbox.writer import OutboxEvent, add_events
from ingestion.store.database import open_pool, transaction
from tests.migrated import NOON

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])
_STARTED: list[BaseProcess] = []


def relay_process(
    db_url: str, servers: str, topic: str, *, exactly_once: bool = False, batch_rows: int = 200
) -> BaseProcess:
    """Start a relay as the command starts it."""
    return _started(_relay, db_url, servers, topic, exactly_once, batch_rows)


def crashing_process(point: str, db_url: str, servers: str, topic: str) -> BaseProcess:
    """Start what dies by SIGKILL at one of the `CRASH_POINTS`."""
    return _started(_CRASHES[point], db_url, servers, topic)


def end(process: BaseProcess, number: int = signal.SIGTERM, within_s: float = 15) -> tuple[int | None, float]:
    """Signal a process, and give its exit code and how long it took to end."""
    began_s = time.monotonic()
    assert process.pid
    os.kill(process.pid, number)
    process.join(within_s)
    return process.exitcode, time.monotonic() - began_s


def _started(target: object, *arguments: object) -> BaseProcess:
    process = _FORKS.Process(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
    process.start()
    _STARTED.append(process)
    return process


def end_all() -> None:
    """Kill what a test that failed has left running."""
    while _STARTED:
        process = _STARTED.pop()
        if process.is_alive():
            process.kill()
            process.join(10)


def _relay(db_url: str, servers: str, topic: str, exactly_once: bool, batch_rows: int) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await run_relay(db_url, servers, topic, stopped=stop.wait, exactly_once=exactly_once, batch_rows=batch_rows)

    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main())


def die() -> None:
    """`kill -9`, by one's own hand and at a moment of one's own choice."""
    os.kill(os.getpid(), signal.SIGKILL)


def _die_writing(db_url: str, commits: bool) -> None:
    async def main() -> None:
        async with open_pool(db_url) as pool:
            async with transaction(pool) as connection:
                await add_events(connection, [OutboxEvent("shop.orders", "k0", "updated", b"1000", NOON)])
                if not commits:
                    die()
            die()

    asyncio.run(main())


class _Dying(KafkaProducer):
    """Dies with the first batch: `after produce` nothing is acknowledged, `mid acks` half is, `before delete` all."""

    point = ""

    async def publish(self, messages: Sequence[Message]) -> Outcome:
        if self.point == "mid acks":
            await super().publish(messages[: len(messages) // 2])
            die()
        if self.point == "after produce":
            asyncio.get_running_loop().call_later(0.0, die)
        outcome = await super().publish(messages)
        if self.point == "before delete":
            die()
        return outcome


def _die_relaying(db_url: str, servers: str, topic: str, point: str) -> None:
    async def main() -> None:
        _Dying.point = point
        async with open_pool(db_url) as pool, _Dying(servers) as producer:
            await Relay(pool, producer, route=lambda _: topic, batch_rows=20).publish_batch()
            die()

    asyncio.run(main())


def _before_commit(db_url: str, servers: str, topic: str) -> None:
    _die_writing(db_url, commits=False)


def _after_commit(db_url: str, servers: str, topic: str) -> None:
    _die_writing(db_url, commits=True)


def _after_produce(db_url: str, servers: str, topic: str) -> None:
    _die_relaying(db_url, servers, topic, "after produce")


def _mid_acks(db_url: str, servers: str, topic: str) -> None:
    _die_relaying(db_url, servers, topic, "mid acks")


def _before_delete(db_url: str, servers: str, topic: str) -> None:
    _die_relaying(db_url, servers, topic, "before delete")


def _after_delete(db_url: str, servers: str, topic: str) -> None:
    _die_relaying(db_url, servers, topic, "")


_CRASHES = {
    "before commit": _before_commit,
    "after commit": _after_commit,
    "after produce": _after_produce,
    "mid acks": _mid_acks,
    "before delete": _before_delete,
    "after delete": _after_delete,
}
CRASH_POINTS = tuple(_CRASHES)
