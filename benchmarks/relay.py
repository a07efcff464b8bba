"""The outbox to Kafka: the relay against publishing row by row, and against the producer's own ceiling.

    python -m benchmarks.relay            the table of ratios, and exit code 1 if one misses its goal
    python -m benchmarks.relay --rounds 5

All publish events of 416 bytes with three headers, idempotent, acknowledged by all replicas, to the same mock cluster in
a process of its own, in turn, each in a process of its own. The ceiling reads nothing and deletes nothing: it sends
messages that are in memory already. The figure is the best of the rounds: noise only ever takes away.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `python benchmarks/relay.py`

from confluent_kafka import Producer

from ingestion.outbox.at_least_once_relay import Relay
from ingestion.outbox.exactly_once import Horizon
from ingestion.outbox.exactly_once_relay import ExactlyOnceRelay
from ingestion.outbox.message import Message
from ingestion.outbox.producer import KafkaProducer
from ingestion.store.database import Pool, migrate, open_pool, transaction
from workbook.stack import ensure_up
from workbook.stack.databases import fresh_database

ROOT = Path(__file__).resolve().parent.parent
ROWS = 100_000
ROWS_ONE_BY_ONE = 300
BATCH_ROWS = 4_000
PAYLOAD = b"x" * 416
HEADERS = [("event_id", b"x" * 36), ("event_type", b"updated"), ("occurred_at", b"2026-11-23T12:00:00.000000Z")]
QUIET = {"log_level": 0}

# What is compared, and the ratio of events a second that has to be reached.
GOALS = (
    ("the relay / row by row", "relay", "row by row", 50.0),
    ("the relay / the producer's ceiling", "relay", "ceiling", 0.6),
    ("the exactly-once relay / row by row", "exactly once", "row by row", None),
    ("the exactly-once relay / the relay", "exactly once", "relay", None),
)


async def fill(pool: Pool, rows: int) -> None:
    """Write so many events, of a thousand keys."""
    async with transaction(pool) as connection:
        await connection.execute(
            "INSERT INTO ingestion.outbox (aggregatetype, aggregateid, type, payload)"
            " SELECT 'shop.orders', 'shop.orders/' || n %% 1000, 'updated', %b FROM generate_series(1, %b::int4) AS n",
            [PAYLOAD, rows],
        )


def ceiling(servers: str, topic: str) -> float:
    """Send what is in memory, without waiting in between; seconds."""
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "acks": "all", "linger.ms": 2})
    producer.produce(topic, b"first", b"key")
    producer.flush()
    keys, delivered = [b"shop.orders/%d" % n for n in range(1_000)], []

    def report(error: object, message: object) -> None:
        delivered.append(error)

    began_s = time.perf_counter()
    for number in range(ROWS):
        while True:
            try:
                producer.produce(topic, PAYLOAD, keys[number % 1_000], headers=HEADERS, on_delivery=report)
                break
            except BufferError:
                producer.poll(0.01)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush()
    took_s = time.perf_counter() - began_s
    assert delivered == [None] * ROWS
    return took_s


async def row_by_row(pool: Pool, servers: str, topic: str) -> float:
    """Lock one, publish it, wait, delete it, commit: the relay of most articles; seconds."""
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "acks": "all", "linger.ms": 0})
    producer.produce(topic, b"first", b"key")
    producer.flush()
    await fill(pool, ROWS_ONE_BY_ONE)
    take = """SELECT position, aggregateid, payload, id::text FROM ingestion.outbox
              ORDER BY position LIMIT 1 FOR UPDATE SKIP LOCKED"""
    began_s = time.perf_counter()
    async with pool.connection() as connection:
        for _ in range(ROWS_ONE_BY_ONE):
            async with connection.transaction():
                [(position, key, payload, event_id)] = await (await connection.execute(take)).fetchall()
                producer.produce(topic, payload, key, headers=[("event_id", event_id), *HEADERS[1:]])
                producer.flush()
                await connection.execute("DELETE FROM ingestion.outbox WHERE position = %s", [position])
    return time.perf_counter() - began_s


async def by_relay(pool: Pool, servers: str, topic: str) -> float:
    """The relay, until the outbox is empty; seconds."""
    await fill(pool, ROWS)
    async with KafkaProducer(servers, settings=QUIET) as producer:
        await producer.publish([Message(topic, b"key", b"first", [])])
        relay = Relay(pool, producer, route=lambda _: topic, horizon=Horizon, batch_rows=BATCH_ROWS)
        began_s = time.perf_counter()
        assert await relay.run(until_empty=True) == ROWS
        return time.perf_counter() - began_s


async def by_exactly_once_relay(pool: Pool, servers: str, topic: str) -> float:
    """The exactly-once relay, its start included; seconds."""
    await fill(pool, ROWS)
    relay = ExactlyOnceRelay(
        pool, servers, route=lambda _: topic, batch_rows=BATCH_ROWS, settings=QUIET,
        position_topic=f"{topic}.positions",  # as the command has it; in one for all, the positions of others are read first
    )  # fmt: skip
    began_s = time.perf_counter()
    assert await relay.run(until_empty=True) == ROWS
    return time.perf_counter() - began_s


SYSTEMS = {"row by row": row_by_row, "relay": by_relay, "exactly once": by_exactly_once_relay}


async def run_here(system: str, db_url: str, servers: str) -> float:
    """Run one system in this process, and give its events a second."""
    topic = f"bench-{uuid4().hex[:12]}"
    if system == "ceiling":
        return ROWS / ceiling(servers, topic)
    async with open_pool(db_url, max_connections=3) as pool:
        await migrate(pool)
        rows = ROWS_ONE_BY_ONE if system == "row by row" else ROWS
        return rows / await SYSTEMS[system](pool, servers, topic)


def measure(system: str) -> float:
    """Run one system in a process and a database of its own, and give its events a second."""
    with fresh_database(os.environ["DB_URL"]) as db_url:
        line = [sys.executable, "-m", "benchmarks.relay", "--system", system]
        ran = subprocess.run(
            line, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "DB_URL": db_url}
        )
    if ran.returncode:
        raise SystemExit(f"{system} failed:\n{ran.stderr}")
    return float(json.loads(ran.stdout.splitlines()[-1]))


def compare(rounds: int) -> int:
    """Run every system in turn and print the ratios; 1 if one misses its goal."""
    systems = ["ceiling", *SYSTEMS]
    per_s: dict[str, list[float]] = {system: [] for system in systems}
    for _ in range(rounds):
        for system in systems:
            per_s[system].append(measure(system))
    print(f"{'events a second':<16}{'best':>10}{'median':>10}")
    for system, runs in per_s.items():
        print(f"{system:<16}{max(runs):>10,.0f}{median(runs):>10,.0f}")
    missed = 0
    for name, above, below, goal in GOALS:
        best, middle = (pick(per_s[above]) / pick(per_s[below]) for pick in (max, median))
        told = ""
        if goal is not None:
            missed += best < goal
            told = f", goal >= {goal:g}: {'met' if best >= goal else 'MISSED'}"
        print(f"  {name}: {best:.2f} (median {middle:.2f}){told}")
    return 1 if missed else 0


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser("python -m benchmarks.relay", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--system", choices=["ceiling", *SYSTEMS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.system:
        servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        print(json.dumps(asyncio.run(run_here(options.system, os.environ["DB_URL"], servers))))
        return 0
    os.environ.update(ensure_up())
    return compare(options.rounds)


if __name__ == "__main__":
    sys.exit(main())
